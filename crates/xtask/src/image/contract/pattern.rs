//! Patterns of paths and names: `*` stands for any part of one name.

/// Whether `text` fits `pattern`. A `*` does not reach over a `/`.
pub(in crate::image) fn fits(pattern: &str, text: &str) -> bool {
    let (mut patterns, mut texts) = (pattern.split('/'), text.split('/'));
    loop {
        match (patterns.next(), texts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(text)) if name_fits(pattern, text) => {}
            _ => return false,
        }
    }
}

fn name_fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(start) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A star is a part of one name, also an empty one, at any place and more than once.
    #[test]
    fn a_star_is_a_part_of_one_name() {
        for (pattern, text) in [
            ("/tmp/*", "/tmp/x"),
            ("apt-*", "apt-get"),
            ("python3*", "python3"),
            ("/a/*-*/c", "/a/x-y/c"),
            ("*.log", "boot.log"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("/tmp/*", "/tmp/x/y"),
            ("/tmp/*", "/tmp"),
            ("apt-*", "apt"),
            ("/a/*-*/c", "/a/xy/c"),
            ("nft", "nft2"),
            ("*.log", "boot.log2"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }
}

//! Paths in the tokens of macros, which syn leaves as they are.

use proc_macro2::{TokenStream, TokenTree};

/// A path in tokens: its segments, whether it starts at the root (`::std`), and its line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TokenPath {
    pub(super) segments: Vec<String>,
    pub(super) rooted: bool,
    pub(super) line: usize,
}

/// Every sequence `a::b::c` of the tokens, at any depth of brackets.
pub(super) fn paths(tokens: &TokenStream) -> Vec<TokenPath> {
    let mut paths = Vec::new();
    let mut current: Option<TokenPath> = None;
    // Colons seen since the last word.
    let mut colons = 0;
    for tree in tokens.clone() {
        match tree {
            TokenTree::Ident(word) => {
                let text = word.to_string();
                match &mut current {
                    Some(path) if colons == 2 => path.segments.push(text),
                    _ => {
                        let rooted = current.is_none() && colons == 2;
                        paths.extend(current.take());
                        let line = word.span().start().line;
                        current = Some(TokenPath { segments: vec![text], rooted, line });
                    }
                }
                colons = 0;
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
            other => {
                paths.extend(current.take());
                colons = 0;
                if let TokenTree::Group(group) = other {
                    paths.extend(self::paths(&group.stream()));
                }
            }
        }
    }
    paths.extend(current);
    paths
}

/// Every word of the tokens, at any depth of brackets.
pub(super) fn words(tokens: &TokenStream) -> Vec<String> {
    paths(tokens).into_iter().flat_map(|path| path.segments).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock inside `vec![…]` is as much a clock as outside; text in quotes is not.
    #[test]
    fn paths_are_found_at_any_depth() {
        let tokens: TokenStream =
            r#"x, (std::time::Instant::now()), "std::fs", ::std::env, a: b"#.parse().expect("tokens");
        let found = paths(&tokens);
        let joined: Vec<String> = found.iter().map(|path| path.segments.join("::")).collect();
        assert_eq!(joined, ["x", "std::time::Instant::now", "std::env", "a", "b"]);
        assert!(found[2].rooted);
    }
}

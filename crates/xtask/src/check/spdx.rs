//! Licence expressions (SPDX 2.3, annex D), as far as manifests use them.

/// Whether an expression can be met with licences that `allowed` accepts. `None`: it is no expression.
pub(super) fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    // Manifests of old write `MIT/Apache-2.0`.
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, allowed };
    let outcome = parser.alternatives()?;
    parser.words.is_empty().then_some(outcome)
}

struct Parser<'a> {
    words: &'a [&'a str],
    allowed: &'a dyn Fn(&str) -> bool,
}

impl Parser<'_> {
    fn alternatives(&mut self) -> Option<bool> {
        let mut outcome = self.conjunction()?;
        while self.take("OR") {
            // Not `||`: the rest must be read in any case.
            outcome |= self.conjunction()?;
        }
        Some(outcome)
    }

    fn conjunction(&mut self) -> Option<bool> {
        let mut outcome = self.licence()?;
        while self.take("AND") {
            outcome &= self.licence()?;
        }
        Some(outcome)
    }

    fn licence(&mut self) -> Option<bool> {
        if self.take("(") {
            let outcome = self.alternatives()?;
            return self.take(")").then_some(outcome);
        }
        let (name, rest) = self.words.split_first()?;
        if ["OR", "AND", "WITH", ")"].contains(name) {
            return None;
        }
        self.words = rest;
        if self.take("WITH") {
            let (exception, rest) = self.words.split_first()?;
            self.words = rest;
            // An exception only gives more freedom, but it has to be one that we know.
            return Some((self.allowed)(name) && *exception == "LLVM-exception");
        }
        Some((self.allowed)(name))
    }

    fn take(&mut self, word: &str) -> bool {
        match self.words.split_first() {
            Some((first, rest)) if *first == word => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SPDX annex D: OR gives a choice, AND binds tighter and takes none, brackets group.
    #[test]
    fn expressions_are_understood() {
        let allowed = |name: &str| ["MIT", "Apache-2.0", "ISC"].contains(&name);
        let judge = |expression| satisfied(expression, &allowed);
        for fine in [
            "MIT",
            "GPL-3.0 OR MIT",
            "MIT/GPL-2.0",
            "(MIT OR GPL-3.0) AND ISC",
            "Apache-2.0 WITH LLVM-exception",
            "GPL-2.0 AND ISC OR MIT",
        ] {
            assert_eq!(judge(fine), Some(true), "{fine}");
        }
        for wrong in
            ["GPL-3.0", "MIT AND GPL-3.0", "MIT AND (GPL-3.0 OR AGPL-3.0)", "Apache-2.0 WITH Own-exception"]
        {
            assert_eq!(judge(wrong), Some(false), "{wrong}");
        }
        for broken in ["", "MIT OR", "(MIT", "MIT ISC", "OR"] {
            assert_eq!(judge(broken), None, "{broken}");
        }
    }
}

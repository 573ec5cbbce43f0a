//! Licence expressions: names joined by `AND`, `OR` and `WITH`, with parentheses. `/` is how `OR` was written once.

/// Whether an expression can be kept with licences that are allowed; None when it cannot be read.
pub(super) fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, allowed };
    let kept = parser.any_of()?;
    parser.words.is_empty().then_some(kept)
}

struct Parser<'a> {
    words: &'a [&'a str],
    allowed: &'a dyn Fn(&str) -> bool,
}

impl<'a> Parser<'a> {
    fn any_of(&mut self) -> Option<bool> {
        let mut kept = self.all_of()?;
        while self.take("OR") {
            kept |= self.all_of()?;
        }
        Some(kept)
    }

    fn all_of(&mut self) -> Option<bool> {
        let mut kept = self.one()?;
        while self.take("AND") {
            kept &= self.one()?;
        }
        Some(kept)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let kept = self.any_of()?;
            return self.take(")").then_some(kept);
        }
        let name = self.name()?;
        if self.take("WITH") {
            // An exception only grants more; still, the pair is a licence of its own.
            let exception = self.name()?;
            return Some((self.allowed)(&format!("{name} WITH {exception}")));
        }
        Some((self.allowed)(name))
    }

    fn name(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        if matches!(*first, "AND" | "OR" | "WITH" | "(" | ")") {
            return None;
        }
        self.words = rest;
        Some(first)
    }

    fn take(&mut self, word: &str) -> bool {
        let there = self.words.first() == Some(&word);
        if there {
            self.words = &self.words[1..];
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        let check = |expression, expected| {
            let allowed =
                |license: &str| matches!(license, "MIT" | "Zlib" | "Apache-2.0 WITH LLVM-exception");
            assert_eq!(satisfied(expression, &allowed), expected, "{expression}");
        };
        check("MIT", Some(true));
        check("GPL-3.0-only", Some(false));
        check("MIT OR GPL-3.0-only", Some(true));
        check("GPL-3.0-only/MIT", Some(true));
        check("MIT AND GPL-3.0-only", Some(false));
        check("MIT AND Zlib", Some(true));
        // AND binds before OR.
        check("GPL-3.0-only AND Zlib OR MIT", Some(true));
        check("GPL-3.0-only AND (Zlib OR MIT)", Some(false));
        check("(MIT OR Apache-2.0) AND Zlib", Some(true));
        check("Apache-2.0", Some(false));
        check("Apache-2.0 WITH LLVM-exception", Some(true));
        for broken in ["", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT Zlib", "MIT WITH"] {
            check(broken, None);
        }
    }
}

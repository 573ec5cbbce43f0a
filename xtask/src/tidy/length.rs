//! How long a source file may be.

use super::Problem;
use super::calls::is_test;
use super::source::Source;

const LONG: usize = 400;
const TOO_LONG: usize = 800;

/// Files that may be longer, each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// Lines for tests do not count: a table of cases is as long as it is.
pub(super) fn check(path: &str, source: &Source<'_>, warnings: &mut Vec<Problem>) -> Option<Problem> {
    let lines = source.lines_outside_tests();
    if is_test(path) || lines <= LONG || EXCEPTIONS.iter().any(|(exception, _)| *exception == path) {
        return None;
    }
    let problem = |message| Problem::new(path, format!("{lines} lines outside tests: {message}"));
    if lines > TOO_LONG {
        return Some(problem("split it, or give the reason in xtask/src/tidy/length.rs"));
    }
    warnings.push(problem("a long file; could it be two?"));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        let check = |path: &str, lines: usize, warned: bool, failed: bool| {
            let text = "a;\n".repeat(lines) + "#[cfg(test)]\nmod tests {\n" + &"b;\n".repeat(900) + "}\n";
            let mut warnings = Vec::new();
            let problem = super::check(path, &Source::new(&text), &mut warnings);
            assert_eq!((!warnings.is_empty(), problem.is_some()), (warned, failed), "{path}, {lines} lines");
        };
        check("crates/a/src/lib.rs", 399, false, false);
        check("crates/a/src/lib.rs", 500, true, false);
        check("crates/a/src/lib.rs", 801, false, true);
        check("crates/a/tests/it/main.rs", 801, false, false);
    }
}

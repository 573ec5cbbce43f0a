//! The real Codex and the real Claude Code, for the tests that need them.

use std::io::Write as _;
use std::path::PathBuf;

/// The variable that names the real `codex` program. `cargo xtask test` installs one and sets it.
pub const VARIABLE: &str = "CODEX_COMPANION_TEST_CODEX";

/// The variable that names the real `claude` program. `cargo xtask test` installs one and sets it.
pub const CLAUDE_VARIABLE: &str = "CODEX_COMPANION_TEST_CLAUDE";

/// The path of the real Codex. Without one it says on stderr which test was left out and why; the test then returns.
/// [`require_real_codex!`](crate::require_real_codex) does both.
///
/// # Panics
///
/// When the variable names a file that is not there: tests that were asked for must not pass without running.
pub fn codex() -> Option<PathBuf> {
    program(VARIABLE, "the real Codex")
}

/// The path of the real Claude Code, as [`codex`] gives that of Codex.
///
/// # Panics
///
/// When the variable names a file that is not there.
pub fn claude() -> Option<PathBuf> {
    program(CLAUDE_VARIABLE, "the real Claude Code")
}

fn program(variable: &str, what: &str) -> Option<PathBuf> {
    let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from) else {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        // Not through `eprintln!`, which the test harness keeps to itself when the test passes.
        drop(writeln!(std::io::stderr(), "left out: {test} needs {what}, and {variable} is not set"));
        return None;
    };
    assert!(path.is_file(), "{variable} names {}, which is no file", path.display());
    Some(path)
}

/// The path of the real Codex; without one the test returns here, after it has been told that it was left out.
#[macro_export]
macro_rules! require_real_codex {
    () => {
        match $crate::real::codex() {
            Some(path) => path,
            None => return,
        }
    };
}

/// The path of the real Claude Code; without one the test returns here, after it has been told that it was left out.
#[macro_export]
macro_rules! require_real_claude {
    () => {
        match $crate::real::claude() {
            Some(path) => path,
            None => return,
        }
    };
}

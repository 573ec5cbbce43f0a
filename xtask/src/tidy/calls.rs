//! Calls that a part of the house must not make.

use super::Problem;
use super::source::Source;

struct Rule {
    name: &'static str,
    /// Any of these, as code.
    calls: &'static [&'static str],
    applies: fn(&str) -> bool,
    in_tests: bool,
    why: &'static str,
}

/// Whatever asks the process's surroundings; `env::consts` is what the compiler knew.
const ENVIRONMENT: &[&str] = &[
    "env::var",
    "env::vars",
    "env::var_os",
    "env::vars_os",
    "env::current_dir",
    "env::temp_dir",
    "env::home_dir",
    "env::{",
];

const RULES: &[Rule] = &[
    Rule {
        name: "environment",
        calls: ENVIRONMENT,
        applies: is_library,
        in_tests: false,
        why: "a library does not read the environment: the caller passes the value in",
    },
    Rule {
        name: "environment",
        calls: ENVIRONMENT,
        applies: |path| {
            path.starts_with("crates/cli/src/") && path != "crates/cli/src/environment.rs" && !is_test(path)
        },
        in_tests: false,
        why: "the command line reads the environment in one place, crates/cli/src/environment.rs",
    },
    Rule {
        name: "arguments",
        calls: &["env::args", "env::args_os"],
        applies: is_library,
        in_tests: false,
        why: "a library does not read the command line: the caller passes the value in",
    },
    Rule {
        name: "terminal",
        calls: &["is_terminal(", "IsTerminal", "stdin()", "stdout()", "stderr()"],
        // A scripted server is a stand-in for a program and may serve on its streams.
        applies: |path| is_library(path) && !path.contains("/scripted/"),
        in_tests: false,
        why: "a library does not know of a terminal: the caller passes readers and writers in",
    },
    Rule {
        name: "storage",
        calls: &["fs::write", "File::create", "File::create_new", "OpenOptions", "fs::rename", "fs::copy"],
        applies: |path| path.starts_with("crates/job-store/src/") && !path.contains("/storage"),
        in_tests: false,
        why: "only the storage module writes files: temp file, sync, rename, sync of the directory",
    },
    Rule {
        name: "probe",
        calls: &["process::Command", "Command::new"],
        applies: |path| path.starts_with("crates/review-target/src/"),
        in_tests: false,
        why: "this library starts no program: git is read in process",
    },
    Rule {
        name: "sleep",
        calls: &["sleep("],
        applies: |path| path.starts_with("crates/") && is_test(path),
        in_tests: true,
        why: "wait for a state with a limit, not for time",
    },
];

/// The libraries that others embed; testkit is for tests only.
fn is_library(path: &str) -> bool {
    let krate =
        path.strip_prefix("crates/").and_then(|rest| rest.split_once("/src/")).map(|(krate, _)| krate);
    krate.is_some_and(|krate| krate != "cli" && krate != "testkit") && !is_test(path)
}

/// Whether a whole file is for tests, judged by its path.
pub(super) fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

pub(super) fn check(path: &str, source: &Source<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for rule in RULES.iter().filter(|rule| (rule.applies)(path)) {
        let mut lines: Vec<_> =
            rule.calls.iter().flat_map(|call| source.find(call, rule.name, rule.in_tests)).collect();
        lines.sort_unstable();
        lines.dedup();
        problems.extend(
            lines.into_iter().map(|line| Problem::at(path, line, format!("{}: {}", rule.name, rule.why))),
        );
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_in_its_place() {
        let check = |path: &str, text: &str, expected: &[&str]| {
            let problems = check(path, &Source::new(text));
            let rules: Vec<_> =
                problems.iter().filter_map(|problem| problem.message.split(':').next()).collect();
            assert_eq!(rules, expected, "{path}: {text}");
        };
        check("crates/gate/src/lib.rs", "use std::env::{var, consts};", &["environment"]);
        check("crates/gate/src/lib.rs", "let home = std::env::var(x);", &["environment"]);
        check("crates/gate/src/lib.rs", "env!(\"CARGO_PKG_VERSION\")", &[]);
        check("crates/gate/src/lib.rs", "// env::var\n\"env::var\"", &[]);
        check("crates/gate/src/lib.rs", "#[cfg(test)]\nmod tests { use std::env::var; }", &[]);
        check("crates/gate/src/lib.rs", "std::env::consts::OS", &[]);
        check("crates/gate/src/tests.rs", "use std::env::var;", &[]);
        check("crates/gate/src/lib.rs", "io::stderr().is_terminal()", &["terminal"]);
        check("crates/codex-rpc/src/scripted/app_server.rs", "tokio::io::stdin()", &[]);
        check("crates/cli/src/main.rs", "std::env::args_os(); io::stdout()", &[]);
        check("crates/gate/src/lib.rs", "std::env::args_os()", &["arguments"]);
        check("crates/cli/src/run.rs", "std::env::var(a)", &["environment"]);
        check("crates/cli/src/environment.rs", "std::env::var(a)", &[]);
        check("crates/testkit/src/lib.rs", "std::env::var(a)", &[]);
        check(
            "crates/job-store/src/index.rs",
            "fs::write(a, b)?;\nfs::rename(a, b)",
            &["storage", "storage"],
        );
        check("crates/job-store/src/storage.rs", "fs::write(a, b)", &[]);
        check("crates/job-store/src/storage/unix.rs", "fs::rename(a, b)", &[]);
        check("crates/review-target/src/lib.rs", "std::process::Command::new(git)", &["probe"]);
        check("crates/cli/tests/it/main.rs", "thread::sleep(d);", &["sleep"]);
        check("crates/cli/src/progress.rs", "tokio::time::sleep(d).await", &[]);
    }
}

//! Rules for source files that no lint has.

use crate::repository::{assert_none, files, root};

/// A longer file is two files, or has its reason here.
const LONGEST: usize = 800;
const LONG_FOR_A_REASON: &[(&str, &str)] = &[];

/// This file has to name what it forbids.
const SELF: &str = "crates/guides/tests/it/sources.rs";

/// Paths and hosts of one machine, which a lock file or a configuration easily picks up.
const OF_ONE_MACHINE: &[&str] = &[
    "/root/",
    "/work/",
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    "static.crates.io",
    "index.crates.io",
    "files.pythonhosted.org",
    "pypi.org/simple",
    "deb.debian.org",
];

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

/// Whether the line has `text`, and not as the end of a longer path or host.
fn contains(line: &str, text: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || "_-.}".contains(c);
    let follows = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    line.match_indices(text).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + text.len()..].chars().next();
        !before.is_some_and(joins) && (text.ends_with('/') || !after.is_some_and(follows))
    })
}

#[test]
fn nothing_of_one_machine_is_checked_in() {
    let here = root().to_string_lossy().into_owned();
    let forbidden: Vec<&str> = OF_ONE_MACHINE.iter().copied().chain([here.as_str()]).collect();
    let mut problems = Vec::new();
    for (path, text) in files().iter().filter(|(path, _)| path != SELF) {
        for (index, line) in text.lines().enumerate() {
            let found = forbidden.iter().filter(|text| contains(line, text));
            problems.extend(found.map(|found| format!("{path}:{}: {found}", index + 1)));
        }
    }
    assert_none(&problems);
}

#[test]
fn a_machine_path_is_found() {
    let check = |line: &str, text: &str, expected: bool| assert_eq!(contains(line, text), expected, "{line}");
    check("see /root/project", "/root/", true);
    check("cd /home/me/project", "/home/me", true);
    check("cd /home/meadow", "/home/me", false);
    check("the <state root>/jobs, $HOME/root/x", "/root/", false);
    check("https://docs.registry.example-two/a", "registry.example", false);
}

#[test]
fn source_files_are_short() {
    let sources = files().iter().filter(|(path, _)| path.ends_with(".rs") && !is_test(path));
    let long = sources.filter(|(_, text)| {
        // Unit tests are at the end of a file.
        let code = text.split("\n#[cfg(test)]\n").next().unwrap_or_default();
        code.lines().count() > LONGEST
    });
    let long = long.filter(|(path, _)| !LONG_FOR_A_REASON.iter().any(|(known, _)| known == path));
    assert_none(&long.map(|(path, _)| format!("{path} has more than {LONGEST} lines")).collect::<Vec<_>>());
}

/// A test that waits for time is slow on a fast machine and fails on a slow one.
#[test]
fn tests_wait_for_states_and_not_for_time() {
    const EXCUSE: &str = "// sleep: ";
    let mut problems = Vec::new();
    for (path, text) in
        files().iter().filter(|(path, _)| path.ends_with(".rs") && is_test(path) && path != SELF)
    {
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let calls = ["::sleep(", " sleep("].iter().any(|call| code.contains(call) && !code.contains('"'));
            let excused = line.contains(EXCUSE) || index > 0 && lines[index - 1].contains(EXCUSE);
            if calls && !excused {
                problems.push(format!("{path}:{}: wait for a state, or say why in `{EXCUSE}…`", index + 1));
            }
        }
    }
    assert_none(&problems);
}

/// git is read in process: a user's git configuration and hooks must not decide what is reviewed.
#[test]
fn review_target_starts_no_program() {
    let sources =
        files().iter().filter(|(path, _)| path.starts_with("crates/review-target/src/") && !is_test(path));
    let starts = sources.filter(|(_, text)| text.contains("Command::new("));
    assert_none(&starts.map(|(path, _)| format!("{path} starts a program")).collect::<Vec<_>>());
}

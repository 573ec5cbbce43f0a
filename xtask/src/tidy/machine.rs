//! What is true on one machine only must not be in the repository: paths of a checkout or a home, mirrors of registries.

use super::{Files, Problem};
use crate::workspace;

/// The file that has to name what it forbids.
const SELF: &str = "xtask/src/tidy/machine.rs";

/// Paths that are nobody else's, and hosts that a lock file or a configuration picks up from the machine.
const ALWAYS: &[&str] = &[
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

/// [`ALWAYS`], and what this machine is known by.
pub(super) fn forbidden() -> Vec<String> {
    let home = std::env::var("HOME").or_else(|_| std::env::var("USERPROFILE")).unwrap_or_default();
    let here = [home, workspace::root().to_string_lossy().into_owned()];
    // A home of "/" or nothing at all is in every file.
    let here = here.into_iter().filter(|path| path.len() > 4);
    ALWAYS.iter().map(|&text| text.to_owned()).chain(here).collect()
}

pub(super) fn check(files: &Files, forbidden: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| *path != SELF) {
        for (index, line) in text.lines().enumerate() {
            if let Some(found) = forbidden.iter().find(|forbidden| contains(line, forbidden)) {
                problems.push(Problem::at(path, index + 1, format!("{found} is of one machine")));
            }
        }
    }
    problems
}

/// Whether the line has `text`, and not merely as the end of a longer path or host.
fn contains(line: &str, text: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || "_-.}".contains(c);
    let follows = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    line.match_indices(text).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + text.len()..].chars().next();
        !before.is_some_and(joins) && (text.ends_with('/') || !after.is_some_and(follows))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_paths_are_found() {
        let check = |line: &str, found: bool| {
            let files = Files::from([("docs/a.md".to_owned(), format!("first\n{line}\n"))]);
            let problems =
                check(&files, &["/root/".to_owned(), "/home/me".to_owned(), "registry.example".to_owned()]);
            assert_eq!(!problems.is_empty(), found, "{line}");
            assert!(problems.iter().all(|problem| problem.line == Some(2)));
        };
        check("see /root/project", true);
        check("cd \"/home/me\"", true);
        check("cd /home/me/project", true);
        check("cd /home/meadow", false);
        check("the <state root>/jobs, $HOME/root/x", false);
        check("https://registry.example/a", true);
        check("https://docs.registry.example-two/a", false);
    }
}

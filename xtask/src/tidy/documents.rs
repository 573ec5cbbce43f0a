//! Documents that must keep up with the code.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{Files, Problem};
use crate::workspace::Package;

const DEPENDENCIES: &str = "docs/dependencies.md";
const CHANGELOG: &str = "CHANGELOG.md";

pub(super) fn check(packages: &[Package], files: &Files) -> Vec<Problem> {
    let mut problems = changelog(files.get(CHANGELOG));
    let manifest = files.get("Cargo.toml").and_then(|text| text.parse::<Table>().ok()).unwrap_or_default();
    let used =
        packages.iter().flat_map(|package| &package.dependencies).filter(|dependency| !dependency.local);
    let used: Vec<&str> = used.map(|dependency| dependency.name.as_str()).collect();
    let text = files.get(DEPENDENCIES).map_or("", String::as_str);
    problems.extend(dependencies(&versions(&manifest), &used, &rows(text)));
    problems
}

fn changelog(text: Option<&String>) -> Vec<Problem> {
    let has_section = text.is_some_and(|text| {
        text.lines().any(|line| line.trim_start_matches('#').trim().trim_matches(['[', ']']) == "Unreleased")
    });
    if has_section { Vec::new() } else { vec![Problem::new(CHANGELOG, "has no section Unreleased")] }
}

/// `[workspace.dependencies]`: name and version requirement of what is not ours.
fn versions(manifest: &Table) -> BTreeMap<&str, &str> {
    let dependencies = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    let entries = dependencies.and_then(Value::as_table).into_iter().flatten();
    let foreign = entries.filter(|(_, value)| value.get("path").is_none());
    foreign
        .filter_map(|(name, value)| {
            Some((name.as_str(), value.as_str().or_else(|| value.get("version")?.as_str())?))
        })
        .collect()
}

/// The rows of the document's tables that begin with a crate's name: line, name, version.
fn rows(text: &str) -> Vec<(usize, &str, &str)> {
    let cells = text.lines().enumerate().filter_map(|(line, text)| {
        let mut cells = text.strip_prefix("| `")?.split('|').map(str::trim);
        Some((line + 1, cells.next()?.strip_suffix('`')?, cells.next()?))
    });
    cells.collect()
}

fn dependencies(
    versions: &BTreeMap<&str, &str>,
    used: &[&str],
    rows: &[(usize, &str, &str)],
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, version) in versions {
        if !used.contains(name) {
            problems.push(Problem::new("Cargo.toml", format!("no crate uses workspace.dependencies.{name}")));
            continue;
        }
        match rows.iter().find(|(_, row, _)| row == name) {
            None => problems.push(Problem::new(DEPENDENCIES, format!("has no row for {name}"))),
            Some((line, _, told)) if told != version => {
                problems.push(Problem::at(DEPENDENCIES, *line, format!("{name} is {version}, not {told}")));
            }
            Some(_) => {}
        }
    }
    let stale = rows.iter().filter(|(_, name, _)| !used.contains(name));
    problems.extend(
        stale.map(|(line, name, _)| Problem::at(DEPENDENCIES, *line, format!("no crate uses {name}"))),
    );
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_changelog_has_a_place_for_what_is_new() {
        let check =
            |text: &str, good: bool| assert_eq!(changelog(Some(&text.to_owned())).is_empty(), good, "{text}");
        check("# Changelog\n\n## Unreleased\n", true);
        check("## [Unreleased]\n", true);
        check("# Changelog\n\n## 0.1.0\nUnreleased things\n", false);
        assert_eq!(changelog(None).len(), 1);
    }

    #[test]
    fn every_dependency_has_its_row_and_no_other_has() {
        let manifest: Table = "
            [workspace.dependencies]
            codex-rpc = { path = \"crates/codex-rpc\", version = \"0.1.0\" }
            bytes = \"1.12\"
            gix = { version = \"0.90\", default-features = false }
            insta = \"1.49\"
            memchr = \"2.8\"
        "
        .parse()
        .unwrap();
        let text =
            "| crate | version |\n|---|---|\n| `bytes` | 1.12 | x |\n| `gix` | 0.89 |\n| `regex` | 1 |\n";
        let problems = dependencies(&versions(&manifest), &["bytes", "gix", "memchr"], &rows(text));
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "docs/dependencies.md:4: gix is 0.90, not 0.89",
                "Cargo.toml: no crate uses workspace.dependencies.insta",
                "docs/dependencies.md: has no row for memchr",
                "docs/dependencies.md:5: no crate uses regex",
            ]
        );
    }
}

//! What each crate's manifest inherits and, if it is published, tells.

use toml::{Table, Value};

use super::{Files, Problem};
use crate::workspace::Package;

const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "repository", "authors"];

pub(super) fn check(packages: &[Package], files: &Files) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in packages {
        let path = format!("{}/Cargo.toml", package.folder);
        match files.get(&path).and_then(|text| text.parse::<Table>().ok()) {
            Some(manifest) => inherits(&manifest, &path, &mut problems),
            None => problems.push(Problem::new(&path, "cannot be read")),
        }
        if package.published {
            tells(package, files, &path, &mut problems);
        }
        one_integration_binary(package, files, &mut problems);
    }
    problems
}

fn inherits(manifest: &Table, path: &str, problems: &mut Vec<Problem>) {
    let inherited =
        |value: Option<&Value>| value.and_then(|value| value.get("workspace")) == Some(&Value::Boolean(true));
    let package = manifest.get("package").and_then(Value::as_table);
    for key in INHERITED {
        if !inherited(package.and_then(|package| package.get(*key))) {
            problems.push(Problem::new(path, format!("package.{key} is not inherited from the workspace")));
        }
    }
    if !inherited(manifest.get("lints")) {
        problems.push(Problem::new(path, "lints are not inherited from the workspace"));
    }
    for (section, dependencies) in dependency_tables(manifest) {
        for (name, dependency) in dependencies {
            // A crate of ours by path has no version to inherit; only so can its default features be turned off.
            let by_path = dependency.get("path").is_some() && dependency.get("version").is_none();
            if !inherited(Some(dependency)) && !by_path {
                problems.push(Problem::new(
                    path,
                    format!("{section}.{name} is not inherited from the workspace"),
                ));
            }
        }
    }
}

/// The manifest's dependency tables, those for some targets only included.
pub(super) fn dependency_tables(manifest: &Table) -> Vec<(&str, &Table)> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let targets = targets.filter_map(|(_, target)| target.as_table());
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = std::iter::once(manifest).chain(targets).flat_map(|table| {
        sections.into_iter().filter_map(|section| Some((section, table.get(section)?.as_table()?)))
    });
    tables.collect()
}

fn tells(package: &Package, files: &Files, path: &str, problems: &mut Vec<Problem>) {
    let readme = files.get(&format!("{}/README.md", package.folder));
    let told = [
        (package.description, "a description"),
        (package.keywords > 0, "keywords"),
        (package.categories > 0, "categories"),
        (readme.is_some_and(|text| !text.trim().is_empty()), "a README.md beside it"),
    ];
    for (_, what) in told.iter().filter(|(there, _)| !there) {
        problems.push(Problem::new(path, format!("a published crate needs {what}")));
    }
}

fn one_integration_binary(package: &Package, files: &Files, problems: &mut Vec<Problem>) {
    let folder = format!("{}/tests/", package.folder);
    let programs = files.keys().filter(|path| {
        let file = path.strip_prefix(&folder);
        file.is_some_and(|file| {
            file.ends_with(".rs") && !file.contains('/') || file.ends_with("/main.rs") && file != "it/main.rs"
        })
    });
    problems
        .extend(programs.map(|path| Problem::new(path, "integration tests are modules of tests/it/main.rs")));
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
        [package]
        version.workspace = true
        edition.workspace = true
        rust-version.workspace = true
        license.workspace = true
        repository.workspace = true
        authors.workspace = true
        [lints]
        workspace = true
        [dependencies]
        bytes.workspace = true
        [target.'cfg(unix)'.dependencies]
        rustix = { workspace = true, optional = true }
    ";

    fn check_crate(manifest: &str, more: &[(&str, &str)], published: bool) -> Vec<String> {
        let mut files = Files::from([("crates/a/Cargo.toml".to_owned(), manifest.to_owned())]);
        files.extend(more.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        let package = Package { folder: "crates/a".to_owned(), published, ..Package::default() };
        check(&[package], &files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn inheritance() {
        let none: [&str; 0] = [];
        assert_eq!(check_crate(GOOD, &[], false), none);
        let check = |from: &str, to: &str, expected: &str| {
            let problems = check_crate(&GOOD.replace(from, to), &[], false);
            assert_eq!(
                problems,
                [format!("crates/a/Cargo.toml: {expected} is not inherited from the workspace")]
            );
        };
        check("edition.workspace = true", "edition = \"2021\"", "package.edition");
        check("bytes.workspace = true", "bytes = \"1\"", "dependencies.bytes");
        check(
            "{ workspace = true, optional = true }",
            "{ path = \"../rustix\", version = \"1\" }",
            "dependencies.rustix",
        );
        let by_path = GOOD.replace("{ workspace = true, optional = true }", "{ path = \"../rustix\" }");
        assert_eq!(check_crate(&by_path, &[], false), none);
        check("{ workspace = true, optional = true }", "{ version = \"1\" }", "dependencies.rustix");
        assert_eq!(
            check_crate(&GOOD.replace("[lints]", "[lint]"), &[], false),
            ["crates/a/Cargo.toml: lints are not inherited from the workspace"]
        );
        assert_eq!(check_crate("not toml", &[], false), ["crates/a/Cargo.toml: cannot be read"]);
    }

    #[test]
    fn a_published_crate_presents_itself() {
        let problems = check_crate(GOOD, &[("crates/a/README.md", "\n")], true);
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert_eq!(check_crate(GOOD, &[("crates/a/README.md", "# a")], true).len(), 3);
    }

    #[test]
    fn integration_tests_are_one_program() {
        let check = |path: &str, allowed: bool| {
            assert_eq!(check_crate(GOOD, &[(path, "")], false).is_empty(), allowed, "{path}");
        };
        check("crates/a/tests/it/main.rs", true);
        check("crates/a/tests/it/frames.rs", true);
        check("crates/a/tests/fixtures/one.jsonl", true);
        check("crates/a/tests/frames.rs", false);
        check("crates/a/tests/slow/main.rs", false);
    }
}

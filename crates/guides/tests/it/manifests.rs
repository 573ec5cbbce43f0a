//! What each crate's manifest inherits, and what the documents say about dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use toml::{Table, Value};

use crate::repository::{assert_none, directory, file, is_published, root, workspace};

const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "repository", "authors"];
const DEPENDENCIES: &str = "docs/dependencies.md";

fn manifest(path: &str) -> Table {
    file(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The manifest's dependency tables, those for some targets only included.
fn dependency_tables(manifest: &Table) -> impl Iterator<Item = (String, &Value)> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let tables = targets.filter_map(|(_, target)| target.as_table()).chain([manifest]);
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = tables.flat_map(move |table| sections.map(|section| table.get(section)?.as_table()));
    tables.flatten().flat_map(|table| table.iter().map(|(name, value)| (name.clone(), value)))
}

fn is_inherited(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")) == Some(&Value::Boolean(true))
}

#[test]
fn manifests_inherit_from_the_workspace() {
    let mut problems = Vec::new();
    for package in &workspace().packages {
        let path = format!("{}/Cargo.toml", directory(package));
        let manifest = manifest(&path);
        let inherited = INHERITED.iter().map(|key| (*key, manifest["package"].get(key)));
        for (key, _) in
            inherited.chain([("lints", manifest.get("lints"))]).filter(|(_, value)| !is_inherited(*value))
        {
            problems.push(format!("{path}: {key} is not inherited from the workspace"));
        }
        for (name, dependency) in dependency_tables(&manifest) {
            // A crate of ours by path has no version to inherit. Its default features can only be turned off so.
            let by_path = dependency.get("path").is_some() && dependency.get("version").is_none();
            if !is_inherited(Some(dependency)) && !by_path {
                problems.push(format!("{path}: {name} is not inherited from the workspace"));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn published_crates_have_what_crates_io_shows() {
    let mut problems = Vec::new();
    for package in workspace().packages.iter().filter(|package| is_published(package)) {
        let directory = directory(package);
        let required = [
            (package.description.is_some(), "a description"),
            (!package.keywords.is_empty(), "keywords"),
            (!package.categories.is_empty(), "categories"),
            (!file(&format!("{directory}/README.md")).trim().is_empty(), "a README.md"),
            (
                manifest(&format!("{directory}/Cargo.toml"))["package"].get("include").is_some(),
                "a list `include`",
            ),
        ];
        problems.extend(
            required.iter().filter(|(has, _)| !has).map(|(_, what)| format!("{directory} needs {what}")),
        );
        // They are links. Where git does not check out links, they are text that names a path.
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            if fs::read(root().join(&directory).join(licence)).ok() != fs::read(root().join(licence)).ok() {
                problems.push(format!(
                    "{directory}/{licence} differs: check out links (git config core.symlinks true)"
                ));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn integration_tests_are_one_program_per_crate() {
    let mut problems = Vec::new();
    for package in &workspace().packages {
        let tests = package.targets.iter().filter(|target| target.is_test() && target.name != "it");
        problems
            .extend(tests.map(|target| {
                format!("{}: make {} a module of tests/it/main.rs", package.name, target.name)
            }));
    }
    assert_none(&problems);
}

/// Name and version requirement of what the workspace takes from others.
fn foreign() -> BTreeMap<String, String> {
    let manifest = manifest("Cargo.toml");
    let dependencies = manifest["workspace"]["dependencies"].as_table().unwrap().iter();
    let foreign = dependencies.filter(|(_, value)| value.get("path").is_none());
    foreign
        .map(|(name, value)| {
            let version = value.as_str().or_else(|| value.get("version")?.as_str()).unwrap();
            (name.clone(), version.to_owned())
        })
        .collect()
}

#[test]
fn every_dependency_is_used_and_has_its_row() {
    let used: BTreeSet<&str> = workspace()
        .packages
        .iter()
        .flat_map(|package| &package.dependencies)
        .map(|one| one.name.as_str())
        .collect();
    let rows: BTreeMap<&str, &str> = file(DEPENDENCIES)
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
            Some((cells.next()?.strip_suffix('`')?, cells.next()?))
        })
        .collect();
    let mut problems = Vec::new();
    for (name, version) in &foreign() {
        if !used.contains(name.as_str()) {
            problems.push(format!("Cargo.toml: no crate uses {name}"));
        }
        match rows.get(name.as_str()) {
            None => problems.push(format!("{DEPENDENCIES} has no row for {name}")),
            Some(row) if row != version => {
                problems.push(format!("{DEPENDENCIES}: {name} is {version}, not {row}"));
            }
            Some(_) => {}
        }
    }
    let stale = rows.keys().filter(|name| !used.contains(**name));
    problems.extend(stale.map(|name| format!("{DEPENDENCIES}: no crate uses {name}")));
    assert_none(&problems);
}

#[test]
fn the_changelog_has_a_section_for_what_is_new() {
    assert!(file("CHANGELOG.md").lines().any(|line| line.trim_matches(['#', ' ', '[', ']']) == "Unreleased"));
}

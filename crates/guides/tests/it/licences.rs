//! Licences, sources and duplicates of what we take from others, by `deny.toml`.
//!
//! `cargo deny check` does all of this and more, in the GitHub workflow. It takes minutes to build and a network for advisories,
//! so that this light check is what runs everywhere.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::MetadataCommand;
use spdx::{Expression, ParseMode};
use toml::{Table, Value};

use crate::repository::{assert_none, cargo, file, is_published, root, workspace};

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

#[test]
fn licences_and_sources_are_those_of_deny_toml() {
    let rules: Table = file("deny.toml").parse().unwrap();
    let allow = strings(&rules["licenses"]["allow"]);
    let exceptions = rules["licenses"]["exceptions"].as_array().unwrap();
    let mut command = MetadataCommand::new();
    command.current_dir(root()).other_options(["--all-features".to_owned(), "--locked".to_owned()]);
    let mut problems = Vec::new();
    for package in command.exec().unwrap().packages.iter().filter(|package| package.source.is_some()) {
        let exception = exceptions.iter().find(|one| one["crate"].as_str() == Some(package.name.as_str()));
        let more = exception.map(|one| strings(&one["allow"])).unwrap_or_default();
        let expression = package.license.as_deref().map(|text| Expression::parse_mode(text, ParseMode::LAX));
        let allowed = matches!(expression, Some(Ok(expression)) if expression.evaluate(|licence| {
            let name = licence.to_string();
            allow.contains(&name.as_str()) || more.contains(&name.as_str())
        }));
        if !allowed {
            problems.push(format!("{} {}: licence {:?}", package.name, package.version, package.license));
        }
        if !package.source.as_ref().is_some_and(cargo_metadata::Source::is_crates_io) {
            problems.push(format!("{} {} does not come from crates.io", package.name, package.version));
        }
    }
    assert_none(&problems);
}

/// Tests may be built from two versions of a crate; what others build may not, unless `deny.toml` says why.
#[test]
fn published_crates_are_built_from_one_version_of_each_crate() {
    let rules: Table = file("deny.toml").parse().unwrap();
    let skip = rules["bans"]["skip"].as_array().unwrap();
    let skip: Vec<&str> = skip.iter().map(|one| one["crate"].as_str().unwrap()).collect();
    let mut arguments = vec![
        "tree",
        "--locked",
        "--edges",
        "normal,build",
        "--target",
        "all",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ];
    let published = workspace().packages.iter().filter(|package| is_published(package));
    arguments.extend(published.flat_map(|package| ["--package", package.name.as_str()]));
    let lines = cargo(&arguments);
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in lines.lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some(version)) =
            (words.next(), words.next().and_then(|word| word.strip_prefix('v')))
        else {
            continue;
        };
        let skipped = skip.iter().any(|skip| {
            let rest = format!("{name}@{version}");
            rest.strip_prefix(skip).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if !skipped {
            versions.entry(name).or_default().insert(version);
        }
    }
    let several = versions.iter().filter(|(_, versions)| versions.len() > 1);
    assert_none(&several.map(|(name, versions)| format!("{name}: {versions:?}")).collect::<Vec<_>>());
}

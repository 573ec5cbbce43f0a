//! The crate graph of ARCHITECTURE.md, held against `cargo metadata`.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Package};

use crate::repository::{assert_none, cargo, workspace};

/// The layers from the bottom to the top, and for each crate the crates of ours that it may depend on.
///
/// A crate that is missing here fails the test: add it with what it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    // Leaf.
    ("codex-base", &[]),
    // Wire.
    ("codex-rpc", &["codex-base"]),
    ("codex-scripted", &[]),
    // Facts.
    ("codex-job-store", &["codex-base"]),
    ("codex-review-target", &["codex-base"]),
    ("codex-review", &["codex-base"]),
    ("codex-ledger", &["codex-base"]),
    ("codex-worktree", &["codex-base"]),
    // Services.
    ("codex-broker", &["codex-base", "codex-rpc"]),
    ("codex-gate", &["codex-base", "codex-review"]),
    // Orchestration.
    (
        "codex-companion-core",
        &[
            "codex-base",
            "codex-rpc",
            "codex-job-store",
            "codex-review-target",
            "codex-review",
            "codex-ledger",
            "codex-worktree",
            "codex-broker",
            "codex-gate",
        ],
    ),
    // Front ends.
    ("codex-companion-mcp", &["codex-base", "codex-companion-core"]),
    ("codex-companion", &["codex-companion-mcp", "*"]),
    // Not published.
    ("codex-testkit", &["codex-rpc", "codex-scripted"]),
    ("codex-guides", ANY_LIBRARY),
    ("companion-benches", ANY_LIBRARY),
    ("companion-measure", &["xtask", "codex-rpc", "codex-scripted"]),
    // The program's internals are fuzzed as well: argument strings, and answers that it reads.
    ("companion-fuzz-targets", &["codex-companion", "*"]),
    ("xtask", &[]),
];

/// Any published library, but no front end.
const ANY_LIBRARY: &[&str] = &["*"];
const FRONT_ENDS: &[&str] = &["codex-companion", "codex-companion-mcp"];
const NOT_PUBLISHED: &[&str] = &[
    "codex-testkit",
    "codex-guides",
    "companion-benches",
    "companion-measure",
    "companion-fuzz-targets",
    "xtask",
];
/// What tests may use in addition: test doubles.
const FOR_TESTS: &[&str] = &["codex-testkit", "codex-scripted"];
/// What an example combines with its own crate.
const FOR_EXAMPLES: &[(&str, &str)] = &[("codex-gate", "codex-rpc")];

fn may_use(package: &str, dependency: &str, kind: DependencyKind) -> Option<bool> {
    let (_, allowed) = MAY_USE.iter().find(|(name, _)| *name == package)?;
    let library = !FRONT_ENDS.contains(&dependency) && !NOT_PUBLISHED.contains(&dependency);
    // A crate that depends on itself does so to test with its own feature `testing`.
    let for_tests = kind == DependencyKind::Development
        && (package == dependency
            || FOR_TESTS.contains(&dependency)
            || FOR_EXAMPLES.contains(&(package, dependency)));
    Some(allowed.contains(&dependency) || allowed.contains(&"*") && library || for_tests)
}

/// Dependencies on other members of the workspace.
fn local(package: &Package) -> impl Iterator<Item = (&str, DependencyKind)> {
    let local = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
    local.map(|dependency| (dependency.name.as_str(), dependency.kind))
}

#[test]
fn crates_depend_on_lower_layers_only() {
    let mut problems = Vec::new();
    for package in &workspace().packages {
        let name = package.name.as_str();
        if !MAY_USE.iter().any(|(known, _)| *known == name) {
            problems.push(format!("{name} has no row in crates/guides/tests/it/graph.rs"));
        }
        for (dependency, kind) in local(package) {
            if may_use(name, dependency, kind) == Some(false) {
                problems.push(format!("{name} must not depend on {dependency} ({kind})"));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn the_rule_itself() {
    let check = |package, dependency, kind, expected| {
        assert_eq!(may_use(package, dependency, kind), expected, "{package} → {dependency}");
    };
    let (normal, dev) = (DependencyKind::Normal, DependencyKind::Development);
    check("codex-broker", "codex-rpc", normal, Some(true));
    check("codex-broker", "codex-job-store", normal, Some(false));
    check("codex-gate", "codex-rpc", normal, Some(false));
    check("codex-gate", "codex-rpc", dev, Some(true));
    check("codex-gate", "codex-job-store", dev, Some(false));
    check("codex-review-target", "codex-testkit", dev, Some(true));
    check("codex-review-target", "codex-testkit", normal, Some(false));
    check("codex-job-store", "codex-job-store", dev, Some(true));
    check("codex-companion", "codex-testkit", normal, Some(false));
    check("codex-companion", "codex-gate", normal, Some(true));
    check("codex-testkit", "codex-gate", normal, Some(false));
    check("codex-companion-core", "codex-companion", normal, Some(false));
    check("companion-fuzz-targets", "codex-companion", normal, Some(true));
    check("unknown", "codex-rpc", normal, None);
}

/// The names of all packages that `package` is built from, without its own.
fn built_from(package: &str, features: &[&str]) -> BTreeSet<String> {
    let mut arguments =
        vec!["tree", "--package", package, "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
    arguments.extend(features);
    let lines = cargo(&arguments);
    // A line is the name, the version and more.
    let names = lines.lines().filter_map(|line| Some(line.split_once(' ')?.0.to_owned()));
    names.filter(|name| name != package).collect()
}

#[test]
fn codex_rpc_is_light() {
    let check = |features: &[&str], most: usize| {
        let dependencies = built_from("codex-rpc", features);
        assert!(dependencies.len() <= most, "{} of at most {most}: {dependencies:?}", dependencies.len());
        for heavy in ["clap", "gix", "rusqlite"] {
            assert!(!dependencies.contains(heavy), "{heavy} in codex-rpc {features:?}");
        }
    };
    check(&["--no-default-features"], 24);
    check(&["--no-default-features", "--features", "client"], 45);
}

#[test]
fn only_the_program_knows_clap() {
    for package in &workspace().packages {
        let name = package.name.as_str();
        if !FRONT_ENDS.contains(&name) && !NOT_PUBLISHED.contains(&name) {
            assert!(!built_from(name, &["--all-features"]).contains("clap"), "clap in {name}");
        }
    }
}

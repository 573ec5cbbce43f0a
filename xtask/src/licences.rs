//! `cargo xtask licences`: what we take from others, by the rules of `deny.toml`, without a network.
//!
//! `cargo deny check` reads the same file. What needs a network is left to it: advisories, and versions that were yanked.

mod expression;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use toml::{Table, Value};

use self::expression::satisfied;
use crate::graph::Graph;
use crate::program::Outcome;
use crate::workspace::{self, Workspace};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(crate) fn run() -> Outcome {
    let path = workspace::root().join("deny.toml");
    let text =
        fs::read_to_string(&path).map_err(|error| format!("could not read {}: {error}", path.display()))?;
    let rules = Rules::parse(&text).ok_or("deny.toml has another shape than expected")?;
    let graph = Graph::read(&["--all-features", "--locked"])?;
    let mut problems = permitted(&graph, &rules);
    // Tests may be built from two versions of a crate; what we hand to others may not.
    let mut built = Graph::read(&["--all-features", "--locked"])?;
    let workspace = Workspace::read()?;
    let published = workspace.packages.iter().filter(|package| package.published);
    built.keep_built(&published.map(|package| package.name.as_str()).collect::<Vec<_>>(), "all")?;
    problems.extend(single(&built, &rules));
    if problems.is_empty() {
        println!("{} packages follow deny.toml", graph.packages.len());
        return Ok(());
    }
    Err(format!("deny.toml is not followed:\n  {}", problems.join("\n  ")))
}

/// The parts of deny.toml that need no network.
struct Rules {
    allow: Vec<String>,
    /// Licences that one crate may have beside those.
    exceptions: BTreeMap<String, Vec<String>>,
    /// Crates that may be there twice, and the beginning of the version that is one too many.
    skip: Vec<(String, String)>,
}

impl Rules {
    fn parse(text: &str) -> Option<Self> {
        let table: Table = text.parse().ok()?;
        let strings = |value: &Value| -> Option<Vec<String>> {
            value.as_array()?.iter().map(|one| Some(one.as_str()?.to_owned())).collect()
        };
        let licenses = table.get("licenses")?;
        let exceptions = licenses.get("exceptions")?.as_array()?.iter();
        let exceptions = exceptions
            .map(|one| Some((one.get("crate")?.as_str()?.to_owned(), strings(one.get("allow")?)?)))
            .collect::<Option<_>>()?;
        let skip = table.get("bans")?.get("skip")?.as_array()?.iter().map(|one| {
            let (name, version) = one.get("crate")?.as_str()?.split_once('@')?;
            Some((name.to_owned(), version.to_owned()))
        });
        Some(Self { allow: strings(licenses.get("allow")?)?, exceptions, skip: skip.collect::<Option<_>>()? })
    }

    fn may_be_twice(&self, name: &str, version: &str) -> bool {
        self.skip.iter().any(|(skipped, begins)| {
            let rest = version.strip_prefix(begins.as_str());
            skipped == name && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

/// Licences and sources.
fn permitted(graph: &Graph, rules: &Rules) -> Vec<String> {
    let mut problems = Vec::new();
    for package in graph.packages.values().filter(|package| package.source.is_some()) {
        let who = format!("{} {}", package.name, package.version);
        let more = rules.exceptions.get(&package.name).map_or(&[][..], Vec::as_slice);
        let allowed = |license: &str| rules.allow.iter().chain(more).any(|one| one == license);
        match package.license.as_deref().map(|license| (license, satisfied(license, &allowed))) {
            None => problems.push(format!("{who} names no licence")),
            Some((license, None)) => problems.push(format!("{who}: cannot read its licence, {license}")),
            Some((license, Some(false))) => problems.push(format!("{who}: {license} is not allowed")),
            Some((_, Some(true))) => {}
        }
        if package.source.as_deref() != Some(REGISTRY) {
            problems.push(format!("{who} does not come from crates.io"));
        }
    }
    problems
}

/// No crate in two versions.
fn single(built: &Graph, rules: &Rules) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in built.packages.values() {
        if !rules.may_be_twice(&package.name, &package.version) {
            versions.entry(&package.name).or_default().insert(&package.version);
        }
    }
    let several = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
    several
        .map(|(name, versions)| {
            let versions: Vec<&str> = versions.into_iter().collect();
            format!("{name} is there more than once: {}", versions.join(", "))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::small;

    fn rules(allow: &[&str], skip: &[(&str, &str)]) -> Rules {
        let owned = |text: &&str| (*text).to_owned();
        Rules {
            allow: allow.iter().map(owned).collect(),
            exceptions: BTreeMap::from([("left".to_owned(), vec!["MPL-2.0".to_owned()])]),
            skip: skip.iter().map(|(name, version)| (owned(name), owned(version))).collect(),
        }
    }

    /// A graph of our own and the crates of [`small`], from crates.io.
    fn graph(change: impl Fn(&mut crate::graph::Package)) -> Graph {
        let mut graph = small();
        for package in graph.packages.values_mut().filter(|package| package.source.is_some()) {
            package.source = Some(REGISTRY.to_owned());
            change(package);
        }
        graph
    }

    #[test]
    fn what_follows_the_rules_passes() {
        assert_eq!(permitted(&graph(|_| ()), &rules(&["MIT"], &[])), [""; 0]);
    }

    #[test]
    fn each_rule_is_enforced() {
        let problems = permitted(&graph(|_| ()), &rules(&["Apache-2.0"], &[]));
        assert!(problems.contains(&"left 1.0.0: MIT is not allowed".to_owned()), "{problems:?}");
        let from_git = graph(|package| package.source = Some("git+https://example.org/x".to_owned()));
        assert_eq!(permitted(&from_git, &rules(&["MIT"], &[])).len(), 4);
        let silent = graph(|package| package.license = None);
        assert!(
            permitted(&silent, &rules(&["MIT"], &[])).contains(&"right 1.0.0 names no licence".to_owned())
        );
        let odd = graph(|package| package.license = Some("MIT OR".to_owned()));
        assert!(permitted(&odd, &rules(&["MIT"], &[]))[0].contains("cannot read its licence"));
    }

    #[test]
    fn an_exception_is_for_its_crate_alone() {
        let mozilla = graph(|package| package.license = Some("MPL-2.0".to_owned()));
        let problems = permitted(&mozilla, &rules(&["MIT"], &[]));
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(!problems.iter().any(|problem| problem.starts_with("left")));
    }

    #[test]
    fn two_versions_need_a_reason() {
        let graph = graph(|_| ());
        assert_eq!(single(&graph, &rules(&[], &[])), ["base is there more than once: 1.0.0, 2.0.0"]);
        assert_eq!(single(&graph, &rules(&[], &[("base", "1")])), [""; 0]);
        assert_eq!(single(&graph, &rules(&[], &[("base", "1.0.01")])).len(), 1);
    }

    #[test]
    fn our_deny_toml_is_read() {
        let rules = Rules::parse(include_str!("../../deny.toml")).unwrap();
        assert!(rules.allow.contains(&"MIT".to_owned()));
        assert!(rules.may_be_twice("syn", "2.0.119") && !rules.may_be_twice("syn", "3.0.9"));
        assert!(!rules.may_be_twice("syn", "20.1.0"));
    }
}

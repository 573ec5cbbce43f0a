//! What the program is built from, as `cargo metadata` and `cargo tree` report it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::{self, Outcome};
use crate::workspace;

/// Packages by cargo's id for them.
pub(super) struct Graph {
    pub(super) packages: BTreeMap<String, Package>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    /// The licence expression.
    pub(super) license: Option<String>,
    pub(super) description: Option<String>,
    pub(super) repository: Option<String>,
    /// Where it comes from; None for what is in this repository.
    pub(super) source: Option<String>,
    /// Where its files are.
    pub(super) folder: PathBuf,
    /// What it is built from and with; not what its tests need.
    pub(super) builds_on: BTreeSet<String>,
}

impl Graph {
    /// Asks cargo; `arguments` say for which features and platform.
    pub(super) fn read(arguments: &[&str]) -> Outcome<Self> {
        let mut command = program::cargo();
        command.args(["metadata", "--format-version=1"]).args(arguments).current_dir(workspace::root());
        Self::parse(&program::output(&mut command)?)
            .ok_or_else(|| "`cargo metadata` has another shape than expected".to_owned())
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let metadata: Value = serde_json::from_str(text).ok()?;
        let mut packages = BTreeMap::new();
        for package in metadata["packages"].as_array()? {
            let text = |key: &str| package[key].as_str().map(str::to_owned);
            let read = Package {
                name: text("name")?,
                version: text("version")?,
                license: text("license"),
                description: text("description"),
                repository: text("repository"),
                source: text("source"),
                folder: text("manifest_path")
                    .as_deref()
                    .and_then(|path| Path::new(path).parent())
                    .unwrap_or(Path::new(""))
                    .to_owned(),
                builds_on: BTreeSet::new(),
            };
            packages.insert(text("id")?, read);
        }
        for node in metadata["resolve"]["nodes"].as_array()? {
            let dependencies = node["deps"].as_array()?.iter();
            // Kinds are null (to run), "build" and "dev".
            let builds = |kind: &Value| kind["kind"] != "dev";
            let built = dependencies
                .filter(|one| one["dep_kinds"].as_array().is_none_or(|kinds| kinds.iter().any(builds)));
            packages.get_mut(node["id"].as_str()?)?.builds_on =
                built.filter_map(|one| one["pkg"].as_str().map(str::to_owned)).collect();
        }
        Some(Self { packages })
    }

    /// Leaves only what is really built of `packages` on a platform ("all" for any). `cargo metadata` also tells of what
    /// stands in the lock file for features that are off; `cargo tree` does not.
    pub(super) fn keep_built(&mut self, packages: &[&str], platform: &str) -> Outcome {
        let mut command = program::cargo();
        command.args(["tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
        command.args(["--target", platform]).args(packages.iter().flat_map(|name| ["--package", name]));
        self.keep(&program::output(command.current_dir(workspace::root()))?);
        Ok(())
    }

    /// `tree` has a package a line: name, version with a `v` before it, and more.
    pub(super) fn keep(&mut self, tree: &str) {
        let built: BTreeSet<(&str, &str)> = tree
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                Some((words.next()?, words.next()?.strip_prefix('v')?))
            })
            .collect();
        self.packages.retain(|_, package| built.contains(&(package.name.as_str(), package.version.as_str())));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// `ours` → `left` → `base 2`, `ours` → (to test) `right` → `base 1`.
    pub(in crate::dist) fn small() -> Graph {
        let registry = r#""registry+https://example.org/index""#;
        let package = |id: &str, name: &str, version: &str, source: &str| {
            format!(
                r#"{{"id":"{id}","name":"{name}","version":"{version}","license":"MIT","source":{source}}}"#
            )
        };
        let packages = [
            package("o", "ours", "0.1.0", "null"),
            package("l", "left", "1.0.0", registry),
            package("r", "right", "1.0.0", registry),
            package("b1", "base", "1.0.0", registry),
            package("b2", "base", "2.0.0", registry),
        ];
        Graph::parse(&format!(
            r#"{{"packages":[{}],"resolve":{{"nodes":[
                {{"id":"o","deps":[{{"pkg":"l","dep_kinds":[{{"kind":null}}]}},{{"pkg":"r","dep_kinds":[{{"kind":"dev"}}]}}]}},
                {{"id":"l","deps":[{{"pkg":"b2","dep_kinds":[{{"kind":"build"}}]}}]}},
                {{"id":"r","deps":[{{"pkg":"b1","dep_kinds":[{{"kind":null}}]}}]}},
                {{"id":"b1","deps":[]}},{{"id":"b2","deps":[]}}]}}}}"#,
            packages.join(",")
        ))
        .unwrap()
    }

    #[test]
    fn what_only_tests_need_is_not_built_on() {
        let graph = small();
        let on = |id: &str| graph.packages[id].builds_on.iter().cloned().collect::<Vec<_>>();
        assert_eq!((on("o"), on("l")), (vec!["l".to_owned()], vec!["b2".to_owned()]));
    }

    #[test]
    fn what_is_not_built_is_left_out() {
        let mut graph = small();
        graph.keep("ours v0.1.0 (/somewhere)\nbase v2.0.0\nleft v1.0.0 (*)\nbase v2.0.0 (*)\n\n");
        assert_eq!(graph.packages.keys().collect::<Vec<_>>(), ["b2", "l", "o"]);
    }

    #[test]
    fn another_shape_is_no_panic() {
        assert!(Graph::parse("{}").is_none());
        assert!(Graph::parse(r#"{"packages":[{}],"resolve":{"nodes":[]}}"#).is_none());
    }
}

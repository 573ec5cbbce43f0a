//! What cargo and git report about this workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::program::{self, Outcome};

/// The directory with the workspace's `Cargo.toml`, as cargo reports it now: a checkout can move after the build.
///
/// # Panics
/// Outside of this workspace.
#[must_use]
pub fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let root = Path::new(&here).ancestors().find(|directory| directory.join("xtask/Cargo.toml").is_file());
    root.expect("every package of ours is in the workspace").to_path_buf()
}

/// The workspace, as `cargo metadata` reports it.
#[derive(Debug)]
pub struct Workspace {
    /// Cargo's target directory.
    pub target: PathBuf,
    /// The members that go to crates.io.
    pub published: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug)]
pub struct Package {
    /// Its name on crates.io.
    pub name: String,
    /// Its features, without `default`.
    pub features: Vec<String>,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    /// If cargo fails.
    pub fn read() -> Outcome<Self> {
        let mut command = program::cargo();
        command.args(["metadata", "--format-version=1", "--no-deps"]).current_dir(root());
        let text = program::output(&mut command)?;
        Self::parse(&text).ok_or_else(|| "`cargo metadata` has an unexpected format".to_owned())
    }

    fn parse(text: &str) -> Option<Self> {
        let metadata: Value = serde_json::from_str(text).ok()?;
        // `publish = false` is an empty list of registries; null is "anywhere".
        let published = |package: &&Value| package["publish"].as_array().is_none_or(|list| !list.is_empty());
        let packages = metadata["packages"].as_array()?.iter().filter(published).map(|package| {
            let features = package["features"].as_object()?.keys().filter(|feature| *feature != "default");
            Some(Package {
                name: package["name"].as_str()?.to_owned(),
                features: features.cloned().collect(),
            })
        });
        Some(Self {
            target: metadata["target_directory"].as_str()?.into(),
            published: packages.collect::<Option<_>>()?,
        })
    }
}

/// Every file that git tracks, or would track after `git add .`: relative to the root, sorted.
///
/// # Errors
/// If git fails.
pub fn files() -> Outcome<Vec<String>> {
    let mut command = Command::new("git");
    command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]);
    let listed = program::output(command.current_dir(root()))?;
    let mut files: Vec<String> = listed.split_terminator('\0').map(str::to_owned).collect();
    files.sort_unstable();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read() {
        let text = r#"{"target_directory":"/w/target","packages":[
            {"name":"a","publish":[],"features":{}},
            {"name":"b","publish":null,"features":{"default":["x"],"x":[]}}]}"#;
        let workspace = Workspace::parse(text).unwrap();
        assert_eq!(workspace.target, Path::new("/w/target"));
        let [package] = workspace.published.as_slice() else { panic!("{workspace:?}") };
        assert_eq!((package.name.as_str(), package.features.as_slice()), ("b", &["x".to_owned()][..]));
    }

    #[test]
    fn an_unexpected_format_does_not_panic() {
        assert!(Workspace::parse("[]").is_none());
        assert!(Workspace::parse(r#"{"target_directory":"/w","packages":[{}]}"#).is_none());
    }
}

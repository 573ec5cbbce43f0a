//! What cargo and git say about this workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::program::{self, Outcome};

/// The folder with the workspace's `Cargo.toml`: as cargo tells it now, because a checkout can move after the build.
pub(crate) fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&here).parent().expect("xtask is a folder of the workspace").to_path_buf()
}

pub(crate) struct Workspace {
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the root, with forward slashes.
    pub(crate) folder: String,
    pub(crate) published: bool,
    pub(crate) description: bool,
    pub(crate) keywords: usize,
    pub(crate) categories: usize,
    pub(crate) dependencies: Vec<Dependency>,
    /// Its features but `default`.
    pub(crate) features: Vec<String>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) dev: bool,
    /// A crate of this workspace.
    pub(crate) local: bool,
}

impl Workspace {
    pub(crate) fn read() -> Outcome<Self> {
        let mut command = program::cargo();
        command.args(["metadata", "--format-version=1", "--no-deps"]).current_dir(root());
        let text = program::output(&mut command)?;
        Self::parse(&text).ok_or_else(|| "`cargo metadata` has another shape than expected".to_owned())
    }

    fn parse(text: &str) -> Option<Self> {
        let metadata: Value = serde_json::from_str(text).ok()?;
        let root = PathBuf::from(metadata["workspace_root"].as_str()?);
        let packages = metadata["packages"].as_array()?.iter().map(|package| Package::parse(package, &root));
        Some(Self {
            target: metadata["target_directory"].as_str()?.into(),
            packages: packages.collect::<Option<_>>()?,
        })
    }
}

impl Package {
    fn parse(package: &Value, root: &Path) -> Option<Self> {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        let folder = manifest.parent()?.strip_prefix(root).ok()?;
        let dependencies = package["dependencies"].as_array()?.iter().map(|dependency| {
            Some(Dependency {
                name: dependency["name"].as_str()?.to_owned(),
                dev: dependency["kind"] == "dev",
                local: dependency["path"].is_string(),
            })
        });
        let features = package["features"].as_object()?.keys().filter(|feature| *feature != "default");
        Some(Self {
            features: features.cloned().collect(),
            name: package["name"].as_str()?.to_owned(),
            folder: folder.to_str()?.replace('\\', "/"),
            // `publish = false` is an empty list of registries; null is "anywhere".
            published: package["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
            description: package["description"].as_str().is_some_and(|text| !text.is_empty()),
            keywords: package["keywords"].as_array()?.len(),
            categories: package["categories"].as_array()?.len(),
            dependencies: dependencies.collect::<Option<_>>()?,
        })
    }
}

/// Every file that is tracked by git or would be at the next `git add .`, relative to the root, sorted.
pub(crate) fn files() -> Outcome<Vec<String>> {
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
        let text = r#"{"workspace_root":"/w","target_directory":"/w/target","packages":[{
            "name":"a","manifest_path":"/w/crates/a/Cargo.toml","publish":[],"description":null,
            "keywords":["k"],"features":{"default":["x"],"x":[]},"categories":[],
            "dependencies":[{"name":"b","kind":null,"path":"/w/crates/b"},{"name":"c","kind":"dev"}]}]}"#;
        let workspace = Workspace::parse(text).unwrap();
        let package = &workspace.packages[0];
        assert_eq!(
            (package.folder.as_str(), package.published, package.description),
            ("crates/a", false, false)
        );
        assert_eq!((package.keywords, package.categories), (1, 0));
        assert_eq!(package.features, ["x"]);
        let dependency = |name: &str, dev, local| Dependency { name: name.to_owned(), dev, local };
        assert_eq!(package.dependencies, [dependency("b", false, true), dependency("c", true, false)]);
    }

    #[test]
    fn another_shape_is_no_panic() {
        assert!(Workspace::parse("[]").is_none());
        assert!(Workspace::parse(r#"{"workspace_root":"/w","packages":[{}]}"#).is_none());
    }
}

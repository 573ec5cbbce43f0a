//! What cargo and git report about this repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use cargo_metadata::{Metadata, MetadataCommand, Package};

/// The members of the workspace, without what they depend on.
pub(crate) fn workspace() -> &'static Metadata {
    static WORKSPACE: LazyLock<Metadata> =
        LazyLock::new(|| MetadataCommand::new().current_dir(root()).no_deps().exec().unwrap());
    &WORKSPACE
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Whether a member goes to crates.io.
pub(crate) fn is_published(package: &Package) -> bool {
    package.publish.as_ref().is_none_or(|registries| !registries.is_empty())
}

/// A member's directory, relative to the root.
pub(crate) fn directory(package: &Package) -> String {
    let directory = package.manifest_path.parent().unwrap();
    directory.strip_prefix(&workspace().workspace_root).unwrap().as_str().replace('\\', "/")
}

/// The text files that git tracks, or would track after `git add .`: path from the root, and text.
pub(crate) fn files() -> &'static [(String, String)] {
    static FILES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
        let listed =
            run(Command::new("git").args(["ls-files", "-z", "-co", "--exclude-standard", "--deduplicate"]));
        // Files that are not text have no rule; a file that is deleted may still be in the index.
        let read = |path: &str| Some((path.to_owned(), fs::read_to_string(root().join(path)).ok()?));
        listed.split_terminator('\0').filter_map(read).collect()
    });
    &FILES
}

pub(crate) fn file(path: &str) -> &'static str {
    files().iter().find(|(file, _)| file == path).map(|(_, text)| text.as_str()).unwrap_or_default()
}

/// What cargo prints.
pub(crate) fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(cargo).args(arguments))
}

fn run(command: &mut Command) -> String {
    let output = command.current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Fails with every problem at once.
pub(crate) fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n  {}\n", problems.join("\n  "));
}

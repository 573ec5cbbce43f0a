//! The root of a workspace.

use std::path::{Path, PathBuf};

/// The directory that jobs, settings and the gate belong to: the root of a work tree, or a directory outside of any.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the workspace of a directory: the nearest directory at or above it with a repository, else the directory itself.
    /// `.git` is a file, or a directory with a `HEAD`: Codex's sandbox leaves an empty `.git` directory behind when it is killed.
    /// Symbolic links are resolved. Reads no file: every command that reads jobs begins with it.
    #[must_use]
    pub fn find(directory: &Path) -> Self {
        let real = directory.canonicalize().unwrap_or_else(|_| directory.to_path_buf());
        let root = real.ancestors().find(|candidate| has_repository(candidate));
        Self { root: root.map_or_else(|| real.clone(), Path::to_path_buf) }
    }

    /// The workspace with this root, an absolute path without symbolic links.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
}

fn has_repository(directory: &Path) -> bool {
    let git = directory.join(".git");
    git.is_file() || git.join("HEAD").symlink_metadata().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_directory_with_git_is_the_root() {
        let directory = tempfile::tempdir().unwrap();
        let outer = directory.path().canonicalize().unwrap();
        let inner = outer.join("inner/deep");
        std::fs::create_dir_all(&inner).unwrap();
        assert_eq!(Workspace::find(&inner).root(), inner);
        std::fs::create_dir(outer.join(".git")).unwrap();
        std::fs::write(outer.join(".git/HEAD"), "ref: refs/heads/main").unwrap();
        assert_eq!(Workspace::find(&inner).root(), outer);
        // Of a linked work tree `.git` is a file.
        std::fs::write(outer.join("inner/.git"), "gitdir: elsewhere").unwrap();
        assert_eq!(Workspace::find(&inner).root(), outer.join("inner"));
        // A directory that does not exist belongs to the workspace that would contain it.
        assert_eq!(Workspace::find(&outer.join("missing")).root(), outer);
    }

    #[test]
    fn e22_an_empty_git_directory_is_no_repository() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let inner = root.join("inner");
        std::fs::create_dir_all(inner.join(".git")).unwrap();
        std::fs::create_dir_all(root.join(".git")).unwrap();
        std::fs::write(root.join(".git/HEAD"), "ref: refs/heads/main").unwrap();
        assert_eq!(Workspace::find(&inner).root(), root);
    }
}

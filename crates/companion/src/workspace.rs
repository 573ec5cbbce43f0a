//! The root of a workspace.

use std::path::{Path, PathBuf};

/// The directory that jobs, settings and the gate belong to: the root of a work tree, or a directory outside of any.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the workspace of a directory: the nearest directory at or above it that contains `.git`, else the directory
    /// itself. Symbolic links are resolved. Reads no file: every command that looks at jobs begins with it.
    #[must_use]
    pub fn find(directory: &Path) -> Self {
        let real = directory.canonicalize().unwrap_or_else(|_| directory.to_path_buf());
        let root = real.ancestors().find(|candidate| candidate.join(".git").exists());
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
        assert_eq!(Workspace::find(&inner).root(), outer);
        // Of a linked work tree `.git` is a file.
        std::fs::write(outer.join("inner/.git"), "gitdir: elsewhere").unwrap();
        assert_eq!(Workspace::find(&inner).root(), outer.join("inner"));
        // A directory that does not exist belongs to the workspace that would contain it.
        assert_eq!(Workspace::find(&outer.join("missing")).root(), outer);
    }
}

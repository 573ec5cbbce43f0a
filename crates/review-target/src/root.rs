//! Finds the work tree around a path without opening a repository.

use std::path::{Path, PathBuf};

use crate::os::Directory;
use crate::repository::absolute;

/// The largest `.git` file that is read, in bytes.
const GIT_FILE_BYTES: u64 = 8 << 10;
/// The largest `HEAD` or `commondir` file that is read, in bytes.
const SMALL_FILE_BYTES: u64 = 4 << 10;

/// Returns the top of the work tree that contains `path`: the nearest directory whose `.git` is a repository.
///
/// A `.git` is a repository when it is a directory with a valid `HEAD`, an `objects` and a `refs` directory, or a file
/// (`gitdir: PATH`) that leads to one, as in a linked work tree or a submodule. Everything else is ignored, and the search
/// continues in the parent: an empty `.git` directory, a file that leads nowhere, a FIFO. A directory that has the layout of a
/// bare repository is not a work tree, whatever its configuration says.
///
/// The search costs a few system calls for each directory. It reads no configuration, runs no program, never blocks and reads
/// at most 8 KiB of a file. Returns `None` outside of work trees and when `path` does not exist. The result is absolute, with
/// links resolved.
#[must_use]
pub fn work_tree_root(path: &Path) -> Option<PathBuf> {
    let start = absolute(path).ok()?;
    start.ancestors().find(|directory| has_repository(directory)).map(Path::to_owned)
}

fn has_repository(directory: &Path) -> bool {
    let git = directory.join(".git");
    // Like git, follow a link to a git directory; `repo` makes such links.
    match std::fs::metadata(&git) {
        Ok(metadata) if metadata.is_dir() => is_git_directory(&git),
        Ok(metadata) if metadata.is_file() => {
            git_directory_of(directory).is_some_and(|git| is_git_directory(&git))
        }
        _ => false,
    }
}

/// Reads the path in a `.git` file.
fn git_directory_of(directory: &Path) -> Option<PathBuf> {
    let content = read(directory, ".git", GIT_FILE_BYTES)?;
    path_in(directory, content.strip_prefix(b"gitdir: ")?)
}

/// Whether a directory is a git directory, by the rule of git itself: a linked work tree has its own `HEAD` and shares the
/// other two directories.
fn is_git_directory(git: &Path) -> bool {
    let shared = match read(git, "commondir", SMALL_FILE_BYTES) {
        Some(content) => match path_in(git, &content) {
            Some(shared) => shared,
            None => return false,
        },
        None => git.to_owned(),
    };
    has_valid_head(git) && shared.join("objects").is_dir() && shared.join("refs").is_dir()
}

fn has_valid_head(git: &Path) -> bool {
    if let Ok(target) = std::fs::read_link(git.join("HEAD")) {
        return target.starts_with("refs"); // The form that old versions of git wrote.
    }
    let Some(content) = read(git, "HEAD", SMALL_FILE_BYTES) else { return false };
    match content.strip_prefix(b"ref:") {
        Some(name) => name.trim_ascii_start().starts_with(b"refs/"),
        None => {
            let id = content.trim_ascii_end();
            matches!(id.len(), 40 | 64) && id.iter().all(u8::is_ascii_hexdigit)
        }
    }
}

/// Reads a small regular file. Follows no link to it, and does not block.
fn read(directory: &Path, name: &str, limit: u64) -> Option<Vec<u8>> {
    let directory = Directory::open(directory).ok()?;
    directory.read_file(name.as_bytes(), limit).ok().map(|(content, _)| content)
}

/// Returns the path in the content of a file, relative to the directory of the file.
fn path_in(directory: &Path, content: &[u8]) -> Option<PathBuf> {
    let end = content.iter().rposition(|b| !matches!(b, b'\n' | b'\r'))?;
    Some(directory.join(gix::path::from_byte_slice(&content[..=end]).ok()?))
}

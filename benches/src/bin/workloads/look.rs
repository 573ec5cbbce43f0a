//! Looking at a work tree: ours, git's, and the least that any look does.

use std::path::{Path, PathBuf};
use std::thread;

use codex_review_target::{ConfigScope, MeasureOptions, ResolveOptions, measure, resolve};

use crate::repositories;

/// What a caller of git would run to size the work tree.
pub(crate) const WORK_TREE: &[&[&str]] = &[
    &["status", "--porcelain=v2", "-uall"],
    &["diff", "--shortstat"],
    &["diff", "--cached", "--shortstat"],
    &["ls-files", "-o", "--exclude-standard"],
];

/// And a branch.
pub(crate) const BRANCH: &[&[&str]] = &[
    &["status", "--porcelain=v2", "-uall"],
    &["merge-base", "main", "HEAD"],
    &["diff", "--shortstat", "main...HEAD"],
];

/// Resolves what there is to review and measures it.
pub(crate) fn size(folder: &Path) {
    let options = ResolveOptions::new().config(ConfigScope::Repository);
    let target = resolve(folder, &options).expect("there is something to review");
    let measured = measure(&target, &MeasureOptions::new()).expect("it can be measured");
    assert!(measured.total.files > 0);
}

/// What git tracks, relative to the folder.
pub(crate) fn tracked(folder: &Path) -> Vec<PathBuf> {
    let listed = repositories::git(folder, &["ls-files", "-z"]);
    let listed = String::from_utf8(listed).expect("generated names are UTF-8");
    listed.split_terminator('\0').map(PathBuf::from).collect()
}

/// Asks the file system for each of them, on as many threads as there are cores.
pub(crate) fn lstat(folder: &Path, files: &[PathBuf]) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for files in files.chunks(files.len().div_ceil(cores).max(1)) {
            scope.spawn(move || {
                for file in files {
                    folder.join(file).symlink_metadata().expect("tracked files are there");
                }
            });
        }
    });
}

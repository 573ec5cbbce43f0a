//! Directories and files that only their user can read.

use std::io;
use std::path::Path;

use codex_base::PathError;

pub(super) use codex_base::files::private_options as options;

/// Creates a directory and its missing ancestors with mode 0700.
pub(super) fn create_folder(folder: &Path) -> io::Result<()> {
    codex_base::files::create_private_directory(folder).map_err(PathError::into_source)
}

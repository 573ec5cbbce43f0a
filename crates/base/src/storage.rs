//! The calls of the filesystem that durable files are made of.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use crate::files::{directory_builder, private_options};

/// The calls of the filesystem that change files, so that a test can make the n-th one fail.
///
/// [`Disk`] is the real one. An implementation must be atomic in `rename` and exclusive in `create_new`; what it creates
/// is private to its user (directories 0700, files 0600 where the system has modes).
#[expect(clippy::missing_errors_doc, reason = "every method fails as the system's call does")]
pub trait Storage: fmt::Debug + Send + Sync {
    /// The whole content of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// The names in a directory, in any order; names that are not UTF-8 may be left out.
    fn names(&self, directory: &Path) -> io::Result<Vec<String>>;
    /// Whether something has this path.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Creates one directory; that it exists is an error of kind `AlreadyExists`.
    fn create_directory(&self, directory: &Path) -> io::Result<()>;
    /// Creates an empty file; that it exists is an error of kind `AlreadyExists`.
    fn create_new(&self, path: &Path) -> io::Result<()>;
    /// Creates or empties a file and writes its content, without making it durable.
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<File>;
    /// Makes what was written to `file`, opened at `path`, durable.
    fn sync(&self, path: &Path, file: &File) -> io::Result<()>;
    /// Gives a file another name, replacing what had that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Opens a file for appending, creating it if need be.
    fn open_append(&self, path: &Path) -> io::Result<File>;
    /// Appends in one call, so that two writers do not mix within `bytes`.
    fn append(&self, path: &Path, file: &File, bytes: &[u8]) -> io::Result<()>;
}

/// The operating system's filesystem.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Storage for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        directory_builder().create(directory)
    }

    fn create_new(&self, path: &Path) -> io::Result<()> {
        private_options().write(true).create_new(true).open(path).map(drop)
    }

    fn write(&self, path: &Path, content: &[u8]) -> io::Result<File> {
        let mut file = private_options().write(true).create(true).truncate(true).open(path)?;
        file.write_all(content)?;
        Ok(file)
    }

    fn sync(&self, _path: &Path, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that renames")]
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        // On other systems a directory cannot be opened as a file; the filesystem's journal must suffice there.
        if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn open_append(&self, path: &Path) -> io::Result<File> {
        private_options().append(true).create(true).open(path)
    }

    fn append(&self, _path: &Path, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }
}

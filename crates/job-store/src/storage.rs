#![expect(clippy::disallowed_methods, reason = "this is the one place where files are changed")]

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// The calls that the store makes to the filesystem, so that a test can make the n-th one fail.
///
/// [`Disk`] is the real one. An implementation must be atomic in `rename` and exclusive in `create_new`; what
/// it creates is for its owner only (folders 0700, files 0600 where the system has modes).
pub trait Storage: fmt::Debug + Send + Sync {
    /// The whole content of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// The names in a folder, in any order; names that are not UTF-8 may be left out.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Whether something has this path.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Creates one folder; that it exists is an error of kind `AlreadyExists`.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// Creates an empty file; that it exists is an error of kind `AlreadyExists`.
    fn create_new(&self, path: &Path) -> io::Result<()>;
    /// Creates or empties a file and writes its content, without making it durable.
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<File>;
    /// Makes what was written to `file`, opened at `path`, durable.
    fn sync(&self, path: &Path, file: &File) -> io::Result<()>;
    /// Gives a file another name, replacing what had that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
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

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)
    }

    fn create_new(&self, path: &Path) -> io::Result<()> {
        private(OpenOptions::new().write(true).create_new(true)).open(path).map(drop)
    }

    fn write(&self, path: &Path, content: &[u8]) -> io::Result<File> {
        let mut file = private(OpenOptions::new().write(true).create(true).truncate(true)).open(path)?;
        file.write_all(content)?;
        Ok(file)
    }

    fn sync(&self, _path: &Path, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        // Elsewhere than on Unix a folder cannot be opened as a file; there the filesystem's journal has to do.
        if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn open_append(&self, path: &Path) -> io::Result<File> {
        private(OpenOptions::new().append(true).create(true)).open(path)
    }

    fn append(&self, _path: &Path, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }
}

/// Files that these options create are for their owner only.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

//! The work tree as the operating system has it: folders held open, so that no path is walked twice and no
//! symbolic link is ever followed, whatever happens to the tree meanwhile.

use std::fs::File;
use std::io::{self, Read as _};

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::Folder;

#[cfg(not(unix))]
mod portable;
#[cfg(not(unix))]
pub(crate) use portable::Folder;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    Link,
    /// A FIFO, a socket or a device. Never opened.
    Special,
    /// A listing did not say; ask [`Folder::stat`].
    Unknown,
}

/// What there is to know of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) kind: Kind,
    pub(crate) executable: bool,
    pub(crate) size: u64,
    /// Seconds and nanoseconds since 1970.
    pub(crate) modified: (i64, u32),
    /// Of the last change to content or attributes.
    pub(crate) changed: (i64, u32),
    pub(crate) inode: u64,
    pub(crate) user: u32,
    pub(crate) group: u32,
}

impl Stat {
    /// Whether nothing happened to the file between the two looks, as far as the file system tells.
    pub(crate) fn same_file_state(&self, other: &Stat) -> bool {
        self.size == other.size
            && self.modified == other.modified
            && self.changed == other.changed
            && self.inode == other.inode
    }
}

/// How reading a file ended.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// Gone, or no regular file any more.
    Vanished,
    /// Larger than the caller wants to hold.
    TooLarge,
    /// Written to meanwhile, twice in a row.
    Changed,
    Io(io::Error),
}

impl Folder {
    /// The content of a regular file of at most `limit` bytes. `path` is relative, with slashes; a link anywhere
    /// in it ends the search.
    pub(crate) fn read_file(&self, path: &[u8], limit: u64) -> Result<(Vec<u8>, Stat), ReadError> {
        for _ in 0..2 {
            let (mut file, before) = self.open_regular(path)?;
            if before.size > limit {
                return Err(ReadError::TooLarge);
            }
            let content = read_at_most(&mut file, before.size).map_err(ReadError::Io)?;
            let after = Self::stat_open(&file).map_err(ReadError::Io)?;
            if content.len() as u64 == before.size && after.same_file_state(&before) {
                return Ok((content, before));
            }
        }
        Err(ReadError::Changed)
    }

    pub(crate) fn open_regular(&self, path: &[u8]) -> Result<(File, Stat), ReadError> {
        let (file, stat) = self.open_file(path).map_err(|error| {
            // ELOOP is how "do not follow links" fails.
            let vanished = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
            if vanished || is_link_error(&error) { ReadError::Vanished } else { ReadError::Io(error) }
        })?;
        if stat.kind == Kind::File { Ok((file, stat)) } else { Err(ReadError::Vanished) }
    }
}

fn is_link_error(error: &io::Error) -> bool {
    #[cfg(unix)]
    return error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    #[cfg(not(unix))]
    return error.kind() == io::ErrorKind::InvalidInput;
}

/// Reads `expected` bytes and one more if there is one, so that a file that grew is noticed.
fn read_at_most(file: &mut File, expected: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    content.try_reserve(usize::try_from(expected).map_err(io::Error::other)?).map_err(io::Error::other)?;
    file.take(expected.saturating_add(1)).read_to_end(&mut content)?;
    Ok(content)
}

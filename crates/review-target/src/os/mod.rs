//! Access to the work tree. Directories are held open, and every name is resolved relative to an open directory, so that no
//! symbolic link is followed even when the tree changes concurrently.

use std::fs::File;
use std::io::{self, Read as _};

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::Directory;

#[cfg(any(not(unix), test))]
mod portable;
#[cfg(not(unix))]
pub(crate) use portable::Directory;

/// The type of a directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
    /// A FIFO, a socket or a device. It is never opened.
    Special,
    /// The listing has no type; [`Directory::stat`] returns it.
    Unknown,
}

/// The metadata of a file, without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) kind: Kind,
    pub(crate) executable: bool,
    pub(crate) size: u64,
    /// Seconds and nanoseconds since 1970.
    pub(crate) modified: (i64, u32),
    /// The time of the last change to content or metadata, likewise.
    pub(crate) changed: (i64, u32),
    pub(crate) inode: u64,
    pub(crate) user: u32,
    pub(crate) group: u32,
}

impl Stat {
    /// Whether the file was not modified between the two calls, according to its metadata.
    pub(crate) fn same_file_state(&self, other: &Stat) -> bool {
        self.size == other.size
            && self.modified == other.modified
            && self.changed == other.changed
            && self.inode == other.inode
    }
}

/// Why a file could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// Removed, or no longer a regular file.
    Vanished,
    /// Larger than the caller's limit.
    TooLarge,
    /// Modified during two attempts to read it.
    Changed,
    Io(io::Error),
}

impl Directory {
    /// Reads a regular file of at most `limit` bytes. `path` is relative, with slashes; a link in it is an error.
    pub(crate) fn read_file(&self, path: &[u8], limit: u64) -> Result<(Vec<u8>, Stat), ReadError> {
        self.read_file_while(path, limit, || ())
    }

    /// Calls `before_check` after reading, before the check for modifications. A test uses it to modify the file.
    fn read_file_while(
        &self,
        path: &[u8],
        limit: u64,
        mut before_check: impl FnMut(),
    ) -> Result<(Vec<u8>, Stat), ReadError> {
        for _ in 0..2 {
            let (mut file, before) = self.open_regular(path)?;
            if before.size > limit {
                return Err(ReadError::TooLarge);
            }
            let content = read_exactly(&mut file, before.size).map_err(ReadError::Io)?;
            before_check();
            let after = Self::stat_open(&file).map_err(ReadError::Io)?;
            if content.len() as u64 == before.size && after.same_file_state(&before) {
                return Ok((content, before));
            }
        }
        Err(ReadError::Changed)
    }

    pub(crate) fn open_regular(&self, path: &[u8]) -> Result<(File, Stat), ReadError> {
        let (file, stat) = self.open_file(path).map_err(|error| {
            // ELOOP: a component is a link, and links are not followed.
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

/// Reads `expected` bytes, or fewer at the end of the file. The caller detects more bytes by the size afterwards.
fn read_exactly(file: &mut File, expected: u64) -> io::Result<Vec<u8>> {
    let expected = usize::try_from(expected).map_err(io::Error::other)?;
    let mut content = Vec::new();
    content.try_reserve_exact(expected).map_err(io::Error::other)?;
    content.resize(expected, 0);
    let mut filled = 0;
    while filled < expected {
        match file.read(&mut content[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    content.truncate(filled);
    Ok(content)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::{Kind, ReadError, portable, unix};

    #[test]
    fn a_modified_file_is_read_again_once() {
        let temp = tempfile::TempDir::new().unwrap();
        let directory = unix::Directory::open(temp.path()).unwrap();
        let path = temp.path().join("log");
        fs::write(&path, "1\n").unwrap();
        let append = || fs::write(&path, fs::read_to_string(&path).unwrap() + "2\n").unwrap();
        let always = directory.read_file_while(b"log", 100, append);
        assert!(matches!(always, Err(ReadError::Changed)), "{always:?}");
        let mut once = Some(append);
        let (content, stat) = directory
            .read_file_while(b"log", 100, || once.take().into_iter().for_each(|append| append()))
            .unwrap();
        assert_eq!((content.as_slice(), stat.size), (&b"1\n2\n2\n2\n"[..], 8));
        assert!(matches!(directory.read_file(b"log", 7), Err(ReadError::TooLarge)));
        assert!(matches!(directory.read_file(b"gone", 7), Err(ReadError::Vanished)));
    }

    /// Both implementations return the same results.
    #[test]
    fn both_implementations_list_directories_and_refuse_links() {
        let temp = tempfile::TempDir::new().unwrap();
        fs::create_dir_all(temp.path().join("dir/sub")).unwrap();
        fs::write(temp.path().join("dir/sub/file"), "content").unwrap();
        symlink("dir", temp.path().join("link")).unwrap();
        macro_rules! check {
            ($directory:expr) => {
                let directory = $directory.unwrap();
                let mut names = Vec::new();
                directory.list(|name, kind| names.push((name.to_vec(), kind))).unwrap();
                names.sort_by(|a, b| a.0.cmp(&b.0));
                assert_eq!(names, [(b"dir".to_vec(), Kind::Directory), (b"link".to_vec(), Kind::Link)]);
                assert_eq!(directory.stat_path(b"dir/sub/file").unwrap().size, 7);
                assert_eq!(directory.stat(b"link").unwrap().kind, Kind::Link);
                assert_eq!(directory.read_link(b"link").unwrap(), b"dir");
                assert!(directory.open_file(b"dir/sub/file").is_ok());
                assert!(directory.child(b"dir").unwrap().child(b"sub").is_ok());
                for path in [&b"link/sub/file"[..], b"link", b"dir", b"dir/no"] {
                    assert!(directory.open_file(path).is_err(), "{}", String::from_utf8_lossy(path));
                }
                assert!(directory.child(b"link").is_err());
                assert!(directory.stat_path(b"link/sub").is_err());
            };
        }
        check!(unix::Directory::open(temp.path()));
        check!(portable::Directory::open(temp.path()));
    }
}

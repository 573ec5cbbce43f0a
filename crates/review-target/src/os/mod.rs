//! The work tree as the operating system has it: folders held open, so that no path is walked twice and no
//! symbolic link is ever followed, whatever happens to the tree meanwhile.

use std::fs::File;
use std::io::{self, Read as _};

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::Folder;

#[cfg(any(not(unix), test))]
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
        self.read_file_while(path, limit, || ())
    }

    /// `meanwhile` happens between opening the file and looking whether it changed.
    fn read_file_while(
        &self,
        path: &[u8],
        limit: u64,
        mut meanwhile: impl FnMut(),
    ) -> Result<(Vec<u8>, Stat), ReadError> {
        for _ in 0..2 {
            let (mut file, before) = self.open_regular(path)?;
            if before.size > limit {
                return Err(ReadError::TooLarge);
            }
            let content = read_exactly(&mut file, before.size).map_err(ReadError::Io)?;
            meanwhile();
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

/// Reads `expected` bytes, fewer at the end of the file. Whether it has more is seen by its size afterwards.
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
    fn a_file_that_is_written_to_is_read_again_and_then_given_up() {
        let temp = tempfile::TempDir::new().unwrap();
        let folder = unix::Folder::open(temp.path()).unwrap();
        let path = temp.path().join("log");
        fs::write(&path, "1\n").unwrap();
        let append = || fs::write(&path, fs::read_to_string(&path).unwrap() + "2\n").unwrap();
        let always = folder.read_file_while(b"log", 100, append);
        assert!(matches!(always, Err(ReadError::Changed)), "{always:?}");
        let mut once = Some(append);
        let (content, stat) = folder
            .read_file_while(b"log", 100, || once.take().into_iter().for_each(|append| append()))
            .unwrap();
        assert_eq!((content.as_slice(), stat.size), (&b"1\n2\n2\n2\n"[..], 8));
        assert!(matches!(folder.read_file(b"log", 7), Err(ReadError::TooLarge)));
        assert!(matches!(folder.read_file(b"gone", 7), Err(ReadError::Vanished)));
    }

    /// Both ways to look at folders say the same.
    #[test]
    fn folders_are_what_they_are_and_links_lead_nowhere() {
        let temp = tempfile::TempDir::new().unwrap();
        fs::create_dir_all(temp.path().join("dir/sub")).unwrap();
        fs::write(temp.path().join("dir/sub/file"), "content").unwrap();
        symlink("dir", temp.path().join("link")).unwrap();
        macro_rules! check {
            ($folder:expr) => {
                let folder = $folder.unwrap();
                let mut names = Vec::new();
                folder.list(|name, kind| names.push((name.to_vec(), kind))).unwrap();
                names.sort_by(|a, b| a.0.cmp(&b.0));
                assert_eq!(names, [(b"dir".to_vec(), Kind::Folder), (b"link".to_vec(), Kind::Link)]);
                assert_eq!(folder.stat_path(b"dir/sub/file").unwrap().size, 7);
                assert_eq!(folder.stat(b"link").unwrap().kind, Kind::Link);
                assert_eq!(folder.read_link(b"link").unwrap(), b"dir");
                assert!(folder.open_file(b"dir/sub/file").is_ok());
                assert!(folder.child(b"dir").unwrap().child(b"sub").is_ok());
                for path in [&b"link/sub/file"[..], b"link", b"dir", b"dir/no"] {
                    assert!(folder.open_file(path).is_err(), "{}", String::from_utf8_lossy(path));
                }
                assert!(folder.child(b"link").is_err());
                assert!(folder.stat_path(b"link/sub").is_err());
            };
        }
        check!(unix::Folder::open(temp.path()));
        check!(portable::Folder::open(temp.path()));
    }
}

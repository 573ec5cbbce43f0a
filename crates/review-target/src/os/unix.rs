use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::{Kind, Stat};

/// An open directory.
#[derive(Debug)]
pub(crate) struct Directory(OwnedFd);

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

impl Directory {
    /// Opens a directory by path and follows links. For the top of the work tree only, whose path the caller chose.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(path, DIRECTORY, Mode::empty())?))
    }

    pub(crate) fn child(&self, name: &[u8]) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(&self.0, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?))
    }

    pub(crate) fn stat(&self, name: &[u8]) -> io::Result<Stat> {
        Ok(from_stat(&rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// Returns the target of the link at `path`, as bytes.
    pub(crate) fn read_link(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        let link =
            |directory: &Directory, name: &[u8]| rustix::fs::readlinkat(&directory.0, name, Vec::new());
        let target = match self.parent_of(path)? {
            (Some(parent), name) => link(&parent, name)?,
            (None, name) => link(self, name)?,
        };
        Ok(target.into_bytes())
    }

    pub(crate) fn stat_path(&self, path: &[u8]) -> io::Result<Stat> {
        match self.parent_of(path)? {
            (Some(parent), name) => parent.stat(name),
            (None, name) => self.stat(name),
        }
    }

    /// Opens a regular file without following links. Does not block if the name became a FIFO concurrently.
    pub(super) fn open_file(&self, path: &[u8]) -> io::Result<(File, Stat)> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let open = |directory: &Directory, name: &[u8]| -> io::Result<(File, Stat)> {
            // Opening a device can have side effects, so check the type first.
            let stat = directory.stat(name)?;
            if stat.kind != Kind::File {
                return Err(io::ErrorKind::NotFound.into());
            }
            let file = File::from(rustix::fs::openat(&directory.0, name, flags, Mode::empty())?);
            let stat = Self::stat_open(&file)?;
            Ok((file, stat))
        };
        match self.parent_of(path)? {
            (Some(parent), name) => open(&parent, name),
            (None, name) => open(self, name),
        }
    }

    pub(super) fn stat_open(file: &File) -> io::Result<Stat> {
        Ok(from_stat(&rustix::fs::fstat(file.as_fd())?))
    }

    /// Opens the parent of `path`, one directory at a time: no link is followed, and no path is too long.
    fn parent_of<'p>(&self, path: &'p [u8]) -> io::Result<(Option<Directory>, &'p [u8])> {
        let mut at: Option<Directory> = None;
        let mut rest = path;
        while let Some(slash) = rest.iter().position(|b| *b == b'/') {
            at = Some(at.as_ref().unwrap_or(self).child(&rest[..slash])?);
            rest = &rest[slash + 1..];
        }
        Ok((at, rest))
    }

    /// Calls `each` with every name except `.` and `..`, in no particular order.
    pub(crate) fn list(&self, mut each: impl FnMut(&[u8], Kind)) -> io::Result<()> {
        let mut each = |name: &std::ffi::CStr, kind: FileType| {
            let name = name.to_bytes();
            if name != b"." && name != b".." {
                each(name, from_type(kind));
            }
        };
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            let mut buffer = [const { MaybeUninit::<u8>::uninit() }; 32 * 1024];
            let mut entries = rustix::fs::RawDir::new(&self.0, &mut buffer);
            while let Some(entry) = entries.next() {
                let entry = entry?;
                each(entry.file_name(), entry.file_type());
            }
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            each(entry.file_name(), entry.file_type());
        }
        Ok(())
    }
}

fn from_type(kind: FileType) -> Kind {
    match kind {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        FileType::Unknown => Kind::Unknown,
        FileType::Fifo | FileType::Socket | FileType::CharacterDevice | FileType::BlockDevice => {
            Kind::Special
        }
    }
}

#[allow(
    clippy::unnecessary_cast,
    clippy::cast_possible_truncation,
    clippy::useless_conversion,
    reason = "the fields have other types on other systems"
)]
fn from_stat(stat: &rustix::fs::Stat) -> Stat {
    Stat {
        kind: from_type(FileType::from_raw_mode(stat.st_mode as _)),
        executable: stat.st_mode & 0o100 != 0,
        size: stat.st_size as u64,
        modified: (stat.st_mtime as i64, stat.st_mtime_nsec as u32),
        changed: (stat.st_ctime as i64, stat.st_ctime_nsec as u32),
        inode: stat.st_ino as u64,
        user: stat.st_uid,
        group: stat.st_gid,
    }
}

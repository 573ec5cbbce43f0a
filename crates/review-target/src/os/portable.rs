use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::{Kind, Stat};

/// A directory by its path, for systems without directory handles. Each component is checked for links before it is entered.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::metadata(path)?;
        Ok(Self(path.to_owned()))
    }

    pub(crate) fn child(&self, name: &[u8]) -> io::Result<Self> {
        let path = self.0.join(component(name)?);
        if !fs::symlink_metadata(&path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self(path))
    }

    pub(crate) fn stat(&self, name: &[u8]) -> io::Result<Stat> {
        Ok(from_metadata(&fs::symlink_metadata(self.0.join(component(name)?))?))
    }

    pub(crate) fn stat_path(&self, path: &[u8]) -> io::Result<Stat> {
        let (parent, name) = self.parent_of(path)?;
        parent.stat(name)
    }

    pub(crate) fn read_link(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        let (parent, name) = self.parent_of(path)?;
        let target = fs::read_link(parent.0.join(component(name)?))?;
        Ok(target.to_string_lossy().replace('\\', "/").into_bytes())
    }

    pub(super) fn open_file(&self, path: &[u8]) -> io::Result<(File, Stat)> {
        let (parent, name) = self.parent_of(path)?;
        let stat = parent.stat(name)?;
        if stat.kind != Kind::File {
            return Err(io::ErrorKind::NotFound.into());
        }
        let file = File::open(parent.0.join(component(name)?))?;
        let stat = Self::stat_open(&file)?;
        Ok((file, stat))
    }

    pub(super) fn stat_open(file: &File) -> io::Result<Stat> {
        Ok(from_metadata(&file.metadata()?))
    }

    fn parent_of<'p>(&self, path: &'p [u8]) -> io::Result<(Directory, &'p [u8])> {
        let mut at = Directory(self.0.clone());
        let mut rest = path;
        while let Some(slash) = rest.iter().position(|b| *b == b'/') {
            at = at.child(&rest[..slash])?;
            rest = &rest[slash + 1..];
        }
        Ok((at, rest))
    }

    pub(crate) fn list(&self, mut each: impl FnMut(&[u8], Kind)) -> io::Result<()> {
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let kind = entry.file_type().map_or(Kind::Unknown, from_type);
            // A name that is not Unicode cannot be in an index: git on such systems stores UTF-8.
            if let Some(name) = entry.file_name().to_str() {
                each(name.as_bytes(), kind);
            }
        }
        Ok(())
    }
}

/// Checks one component of a path from an index. A component that the file system would read as several components, a
/// stream or a drive is refused.
fn component(name: &[u8]) -> io::Result<&str> {
    let name = std::str::from_utf8(name).map_err(io::Error::other)?;
    if name.contains(['\\', '/', ':', '\0']) || name == ".." || name == "." {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(name)
}

fn from_type(kind: fs::FileType) -> Kind {
    if kind.is_symlink() {
        Kind::Link
    } else if kind.is_dir() {
        Kind::Directory
    } else if kind.is_file() {
        Kind::File
    } else {
        Kind::Special
    }
}

fn from_metadata(metadata: &Metadata) -> Stat {
    let time = |time: io::Result<std::time::SystemTime>| {
        let since = time.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
    };
    Stat {
        kind: from_type(metadata.file_type()),
        executable: false,
        size: metadata.len(),
        modified: time(metadata.modified()),
        changed: time(metadata.created()),
        inode: 0,
        user: 0,
        group: 0,
    }
}

//! Directories and files that only their user can read, and reading that neither follows links nor blocks.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

use crate::PathError;

/// Creates a directory and its missing ancestors with mode 0700. That it exists is no error, and its mode is not
/// checked; see [`ensure_private_directory`].
///
/// # Errors
/// Any failure of the system.
pub fn create_private_directory(directory: &Path) -> Result<(), PathError> {
    directory_builder().recursive(true).create(directory).map_err(PathError::of("create", directory))
}

/// Creates a directory as [`create_private_directory`] does, and ensures that it is private: it belongs to this user,
/// it is no link, and others have no access to it. A mode that is too open is corrected.
///
/// On Windows this only creates it: profile directories are private there by their inherited access lists.
///
/// # Errors
/// `PermissionDenied` when it is a link, no directory, or another user's; any failure of the system.
pub fn ensure_private_directory(directory: &Path) -> Result<(), PathError> {
    create_private_directory(directory)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = std::fs::symlink_metadata(directory).map_err(PathError::of("check", directory))?;
        if !metadata.is_dir() || !is_own(&metadata) {
            let refused = io::Error::new(io::ErrorKind::PermissionDenied, "not this user's own directory");
            return Err(PathError::new("use", directory, refused));
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            let private = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(directory, private).map_err(PathError::of("restrict", directory))?;
        }
    }
    Ok(())
}

/// A builder of directories with mode 0700.
pub(crate) fn directory_builder() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "modes exist on Unix only"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Options that create files with mode 0600.
#[must_use]
pub fn private_options() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "modes exist on Unix only"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens a regular file for reading, without following a link in the last part of the path and without waiting, should
/// the path be that of a FIFO.
///
/// # Errors
/// `InvalidInput` when it is no regular file, a link included; any failure of the system.
pub fn open_regular(path: &Path) -> Result<File, PathError> {
    let refused = || {
        let message = "not a regular file";
        PathError::new("open", path, io::Error::new(io::ErrorKind::InvalidInput, message))
    };
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let flags = i32::try_from(flags.bits()).expect("open flags fit into a C int");
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags);
    }
    // Opening a device can have effects of its own, so it is checked before and after.
    let named = std::fs::symlink_metadata(path).map_err(PathError::of("open", path))?;
    if !named.is_file() {
        return Err(refused());
    }
    let file = options.open(path).map_err(PathError::of("open", path))?;
    let opened = file.metadata().map_err(PathError::of("open", path))?;
    if opened.is_file() { Ok(file) } else { Err(refused()) }
}

/// Reads a regular file of this user that has at most `limit` bytes. Opens it as [`open_regular`] does.
///
/// # Errors
/// As [`open_regular`]; `PermissionDenied` when it is another user's, `FileTooLarge` when it has more bytes.
pub fn read_own(path: &Path, limit: u64) -> Result<Vec<u8>, PathError> {
    let file = open_regular(path)?;
    let metadata = file.metadata().map_err(PathError::of("read", path))?;
    if !is_own(&metadata) {
        let refused = io::Error::new(io::ErrorKind::PermissionDenied, "another user's file");
        return Err(PathError::new("read", path, refused));
    }
    read_limited(file, limit).map_err(PathError::of("read", path))
}

/// Reads all of a file or stream if that is at most `limit` bytes.
///
/// # Errors
/// `FileTooLarge` when there are more, any failure of the system.
pub fn read_limited(reader: impl io::Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    reader.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        let message = format!("larger than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(content)
}

/// Whether a file belongs to this process's effective user. Always true where files have no owner of that kind.
#[must_use]
pub fn is_own(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::uid(metadata) == rustix::process::geteuid().as_raw();
    #[cfg(not(unix))]
    {
        let _ = metadata;
        true
    }
}

/// Whether two descriptions are of the same file. Always true where the system does not number files.
#[must_use]
pub fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        (one.dev(), one.ino()) == (other.dev(), other.ino())
    }
    #[cfg(not(unix))]
    {
        let _ = (one, other);
        true
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("the test made it").permissions().mode() & 0o777
    }

    #[test]
    fn directories_are_private_to_their_user() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("a/b");
        ensure_private_directory(&directory).unwrap();
        assert_eq!((mode(&directory), mode(directory.parent().unwrap())), (0o700, 0o700));
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        ensure_private_directory(&directory).unwrap();
        assert_eq!(mode(&directory), 0o700);
        let link = root.path().join("link");
        symlink(&directory, &link).unwrap();
        let error = ensure_private_directory(&link).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("link"));
    }

    #[test]
    fn only_regular_files_are_opened_and_nothing_blocks() {
        let root = tempfile::tempdir().unwrap();
        let (file, link, fifo) =
            (root.path().join("file"), root.path().join("link"), root.path().join("fifo"));
        fs::write(&file, "content").unwrap();
        symlink(&file, &link).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert_eq!(read_own(&file, 7).unwrap(), b"content");
        assert_eq!(read_own(&file, 6).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_own(&root.path().join("none"), 7).unwrap_err().kind(), io::ErrorKind::NotFound);
        for path in [&link, &fifo, root.path()] {
            assert_eq!(open_regular(path).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{path:?}");
        }
    }

    #[test]
    fn new_files_are_private() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        private_options().write(true).create(true).truncate(true).open(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
    }
}

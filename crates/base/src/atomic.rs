//! Durable files: temp file, sync, rename, sync of the directory. The only place where this sequence is written down.
//!
//! The calls go through [`Storage`], so that a test can make the n-th one fail. [`Disk`] is the real one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::PathError;
use crate::storage::{Disk, Storage};

/// Replaces the file at `path` atomically and durably. Readers see the old content or the new one, also after a power
/// cut. The file has mode 0600.
///
/// Several processes may do so at the same time: each writes a temp file of its own, and the last rename wins.
///
/// # Errors
/// Any failure of the system. The old content is in place then, unless only the last step, the sync of the directory,
/// failed.
pub fn write(path: &Path, content: &[u8]) -> Result<(), PathError> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temp = with_suffix(path, &format!(".{}-{number}.tmp", std::process::id()));
    replace_through(&Disk, &temp, path, content)
}

/// Replaces the file at `path` as [`write()`] does, for a caller that is the only writer of this file at the time, because it
/// holds a lock.
///
/// The temp file has a fixed name, `<path>.tmp`, so a crash leaves at most one, and the next write reuses it.
///
/// # Errors
/// As [`write()`].
pub fn replace(storage: &dyn Storage, path: &Path, content: &[u8]) -> Result<(), PathError> {
    replace_through(storage, &with_suffix(path, ".tmp"), path, content)
}

fn replace_through(storage: &dyn Storage, temp: &Path, path: &Path, content: &[u8]) -> Result<(), PathError> {
    let written = storage.write(temp, content).and_then(|file| storage.sync(temp, &file));
    if let Err(error) = written.and_then(|()| storage.rename(temp, path)) {
        // On a full disk this frees the space; if it fails too, the next write reuses the file.
        let _ = storage.remove(temp);
        return Err(PathError::new("write", path, error));
    }
    sync_parent(storage, path)
}

/// Moves a file that cannot be read to `<path>.corrupt-<label>` and returns its new path. A number is added to the name
/// when it is taken.
///
/// # Errors
/// Any failure of the system.
pub fn move_aside(storage: &dyn Storage, path: &Path, label: &str) -> Result<PathBuf, PathError> {
    let target = aside_path(storage, path, label)?;
    storage.rename(path, &target).map_err(PathError::of("move aside", path))?;
    sync_parent(storage, path)?;
    Ok(target)
}

/// Copies a file as [`move_aside`] moves it, for a file that must not be missing before it is replaced.
///
/// # Errors
/// Any failure of the system.
pub fn copy_aside(storage: &dyn Storage, path: &Path, label: &str) -> Result<PathBuf, PathError> {
    let target = aside_path(storage, path, label)?;
    let content = storage.read(path).map_err(PathError::of("read", path))?;
    let written = storage.write(&target, &content).and_then(|file| storage.sync(&target, &file));
    written.map_err(PathError::of("write", &target))?;
    sync_parent(storage, path)?;
    Ok(target)
}

fn aside_path(storage: &dyn Storage, path: &Path, label: &str) -> Result<PathBuf, PathError> {
    let mut target = with_suffix(path, &format!(".corrupt-{label}"));
    let mut count = 1;
    while storage.exists(&target).map_err(PathError::of("check", &target))? {
        count += 1;
        target = with_suffix(path, &format!(".corrupt-{label}-{count}"));
    }
    Ok(target)
}

/// Creates a directory and its missing ancestors durably, with mode 0700. Costs one call when it exists.
///
/// # Errors
/// Any failure of the system.
pub fn create_directories(storage: &dyn Storage, directory: &Path) -> Result<(), PathError> {
    let mut missing: Vec<&Path> = Vec::new();
    for ancestor in directory.ancestors().filter(|ancestor| !ancestor.as_os_str().is_empty()) {
        if storage.exists(ancestor).map_err(PathError::of("check", ancestor))? {
            break;
        }
        missing.push(ancestor);
    }
    for directory in missing.into_iter().rev() {
        match storage.create_directory(directory) {
            Ok(()) => sync_parent(storage, directory)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(PathError::new("create the directory", directory, error)),
        }
    }
    Ok(())
}

fn sync_parent(storage: &dyn Storage, path: &Path) -> Result<(), PathError> {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => {
            storage.sync_directory(directory).map_err(PathError::of("sync the directory", directory))
        }
        _ => Ok(()),
    }
}

/// The path with this text added to its last part.
#[must_use]
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names = Disk.names(directory).unwrap();
        names.sort();
        names
    }

    #[test]
    fn content_is_replaced_and_no_temp_file_stays() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(Disk.read(&path).unwrap(), b"two");
        replace(&Disk, &path, b"three").unwrap();
        assert_eq!(Disk.read(&path).unwrap(), b"three");
        assert_eq!(names(root.path()), ["a"]);
    }

    #[test]
    fn a_failed_write_keeps_the_old_content_and_names_the_path() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a");
        Disk.create_directory(&path).unwrap();
        Disk.create_new(&path.join("inside")).unwrap();
        let error = write(&path, b"content").unwrap_err();
        assert!(error.to_string().ends_with("/a") && error.operation() == "write", "{error}");
        assert_eq!(names(root.path()), ["a"]);
    }

    #[test]
    fn files_are_moved_and_copied_aside_under_free_names() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a");
        write(&path, b"torn").unwrap();
        assert_eq!(copy_aside(&Disk, &path, "1").unwrap(), with_suffix(&path, ".corrupt-1"));
        assert_eq!(move_aside(&Disk, &path, "1").unwrap(), with_suffix(&path, ".corrupt-1-2"));
        assert_eq!(names(root.path()), ["a.corrupt-1", "a.corrupt-1-2"]);
    }

    #[test]
    fn parallel_writers_leave_one_whole_content() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a");
        std::thread::scope(|scope| {
            for writer in 0..4_u8 {
                let path = &path;
                scope.spawn(move || (0..20).for_each(|_| write(path, &[b'0' + writer; 4096]).unwrap()));
            }
        });
        let content = Disk.read(&path).unwrap();
        assert!(content.len() == 4096 && content.iter().all(|byte| *byte == content[0]));
        assert_eq!(names(root.path()), ["a"]);
    }
}

//! The only place where a file of the store gets its content: temp file, sync, rename, sync the folder.

use std::path::{Path, PathBuf};

use crate::storage::Storage;
use crate::{Error, Result, Timestamp};

/// Replaces the file at `path` atomically and durably. Readers see the old content or the new one.
///
/// The temp file has a fixed name, because every file of the store has one writer at a time: whoever holds the
/// job's lease or the store's lock. So a crash leaves at most one temp file, which the next write reuses.
pub(crate) fn replace(storage: &dyn Storage, path: &Path, content: &[u8]) -> Result<()> {
    let temp = with_suffix(path, ".tmp");
    let written = storage.write(&temp, content).and_then(|file| storage.sync(&temp, &file));
    if let Err(error) = written.and_then(|()| storage.rename(&temp, path)) {
        // On a full disk this gives the space back; if it fails too, the next write reuses the file.
        let _ = storage.remove(&temp);
        return Err(Error::io("write", path, error));
    }
    sync_parent(storage, path)
}

/// Moves a file that cannot be understood to `<name>.corrupt-<time>` and returns where it is now.
pub(crate) fn set_aside(storage: &dyn Storage, path: &Path, now: Timestamp) -> Result<PathBuf> {
    let target = aside_name(storage, path, now)?;
    storage.rename(path, &target).map_err(|error| Error::io("move aside", path, error))?;
    sync_parent(storage, path)?;
    Ok(target)
}

/// The same for a file that is about to be replaced and must not be missing in between.
pub(crate) fn copy_aside(storage: &dyn Storage, path: &Path, now: Timestamp) -> Result<PathBuf> {
    let target = aside_name(storage, path, now)?;
    let content = storage.read(path).map_err(|error| Error::io("read", path, error))?;
    let written = storage.write(&target, &content).and_then(|file| storage.sync(&target, &file));
    written.map_err(|error| Error::io("write", &target, error))?;
    sync_parent(storage, path)?;
    Ok(target)
}

fn aside_name(storage: &dyn Storage, path: &Path, now: Timestamp) -> Result<PathBuf> {
    let mut target = with_suffix(path, &format!(".corrupt-{}", now.compact()));
    let mut count = 1;
    while storage.exists(&target).map_err(|error| Error::io("look at", &target, error))? {
        count += 1;
        target = with_suffix(path, &format!(".corrupt-{}-{count}", now.compact()));
    }
    Ok(target)
}

/// Creates a folder and its missing ancestors, durably. Costs one look when it is there.
pub(crate) fn create_folders(storage: &dyn Storage, folder: &Path) -> Result<()> {
    let mut missing: Vec<&Path> = Vec::new();
    for ancestor in folder.ancestors().filter(|ancestor| !ancestor.as_os_str().is_empty()) {
        if storage.exists(ancestor).map_err(|error| Error::io("look at", ancestor, error))? {
            break;
        }
        missing.push(ancestor);
    }
    for folder in missing.into_iter().rev() {
        match storage.create_folder(folder) {
            Ok(()) => sync_parent(storage, folder)?,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("create the folder", folder, error)),
        }
    }
    Ok(())
}

fn sync_parent(storage: &dyn Storage, path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => {
            storage.sync_folder(folder).map_err(|error| Error::io("sync the folder", folder, error))
        }
        _ => Ok(()),
    }
}

pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

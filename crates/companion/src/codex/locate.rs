//! Where programs are.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result};

/// The codex program: the one that was named, else the first in `path`.
///
/// # Errors
/// [`Kind::CodexMissing`], with how to get it.
pub fn codex(named: Option<&Path>, path: Option<&OsStr>) -> Result<PathBuf> {
    let hint = "install it with `npm install -g @openai/codex` or `codex-companion setup --install`, \
                or name it with --codex PATH or CODEX_COMPANION_CODEX";
    match named {
        // A bare name is looked up, a path is taken as it is.
        Some(named) if named.components().count() > 1 || named.is_absolute() => {
            if named.is_file() {
                return Ok(named.to_path_buf());
            }
            let message = format!("there is no codex program at {}", named.display());
            Err(Error::new(Kind::CodexMissing, message).with_hint(hint))
        }
        named => {
            let name = named.unwrap_or(Path::new("codex"));
            in_path(name.as_os_str(), path).ok_or_else(|| {
                let message = format!("`{}` is not in PATH", name.display());
                Error::new(Kind::CodexMissing, message).with_hint(hint)
            })
        }
    }
}

/// The first executable file of exactly this name in the directories of `path`; on Windows also with the extensions of
/// programs. Empty entries of `path` are ignored: they would mean the current directory, which a repository fills.
#[must_use]
pub fn in_path(name: &OsStr, path: Option<&OsStr>) -> Option<PathBuf> {
    let directories = std::env::split_paths(path?).filter(|directory| !directory.as_os_str().is_empty());
    let path = std::env::join_paths(directories).ok()?;
    which::which_in_global(name, Some(path)).ok()?.next()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_first_executable_file_wins() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        for folder in [&one, &two] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join("codex"), "").unwrap();
        }
        let path = std::env::join_paths([&one, &two]).unwrap();
        assert_eq!(in_path(OsStr::new("codex"), Some(&path)), None);
        std::fs::set_permissions(two.join("codex"), PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(codex(None, Some(&path)).unwrap(), two.join("codex"));
        // A path is taken as it is; whether it runs is seen when it is started.
        assert_eq!(codex(Some(&one.join("codex")), Some(&path)).unwrap(), one.join("codex"));
        let missing = codex(Some(&one.join("none")), Some(&path)).unwrap_err();
        assert_eq!(missing.kind(), Kind::CodexMissing);
        assert_eq!(codex(None, None).unwrap_err().kind(), Kind::CodexMissing);
    }
    #[test]
    fn e46_a_program_is_found_by_its_whole_name() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["codex", "codex.sh", "codex-0.169.0"] {
            let file = dir.path().join(name);
            std::fs::write(&file, "").unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let path = std::env::join_paths([Path::new(""), dir.path()]).unwrap();
        for name in ["codex", "codex.sh", "codex-0.169.0"] {
            assert_eq!(codex(Some(Path::new(name)), Some(&path)).unwrap(), dir.path().join(name));
        }
        for name in ["codex.exe", "codex-0.169", "codex.sh.sh"] {
            assert_eq!(in_path(OsStr::new(name), Some(&path)), None, "{name}");
        }
    }
}

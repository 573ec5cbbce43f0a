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

/// The first file of that name in the folders of `path`; on Windows also with the endings of programs and npm's wrappers.
#[must_use]
pub fn in_path(name: &OsStr, path: Option<&OsStr>) -> Option<PathBuf> {
    let endings: &[&str] = if cfg!(windows) { &["exe", "cmd", "bat"] } else { &[""] };
    std::env::split_paths(path?).filter(|folder| !folder.as_os_str().is_empty()).find_map(|folder| {
        endings.iter().map(|ending| folder.join(name).with_extension(ending)).find(|file| is_program(file))
    })
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
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
}

//! The gate as a git hook of a repository.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use codex_base::text::shell_word;

use crate::Companion;
use crate::error::{Error, Kind, Result};

/// Every hook of ours contains this line, and no other hook does. It is compared byte for byte with installed hooks.
const MARK: &str =
    "# codex-companion gate: this hook is ours; `codex-companion gate uninstall` takes it away";

/// The git hooks that can run the gate. Exhaustive on purpose: a new one needs a decision of every caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GitHook {
    /// `pre-push`: what a push adds to the remote branch.
    PrePush,
    /// `pre-commit`: the uncommitted changes.
    PreCommit,
}

impl GitHook {
    /// The hook's name in git.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrePush => "pre-push",
            Self::PreCommit => "pre-commit",
        }
    }

    /// The action that the hook can stop.
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::PrePush => "push",
            Self::PreCommit => "commit",
        }
    }
}

impl Companion {
    /// Installs a hook that runs `program` as the gate, in the repository of a directory. Returns the hook's file.
    ///
    /// # Errors
    /// When the repository has a hook of this name that is not ours, or keeps its hooks elsewhere; when there is no
    /// repository or no git; or when the file cannot be written.
    pub fn install_git_hook(&self, directory: &Path, hook: GitHook, program: &Path) -> Result<PathBuf> {
        let name = hook.name();
        if let Some(hooks) = self.git(directory, &["config", "--get", "core.hooksPath"])? {
            let message = format!("git's hooks of this repository are in {hooks} (core.hooksPath)");
            return Err(Error::usage(message)
                .with_hint(format!("have the {name} there call `codex-companion gate --git-hook {name}`")));
        }
        let path = self.git_hook_file(directory, hook)?;
        let ours = is_ours(&path, hook)?;
        if ours == Some(false) {
            let message = format!("there is a {name} hook already: {}", path.display());
            return Err(Error::usage(message)
                .with_hint(format!("have it call `codex-companion gate --git-hook {name}`")));
        }
        let (before, after) = around(hook);
        let script = before + &shell_word(&program.to_string_lossy()) + &after;
        write(&path, &script, ours.is_none()).map_err(|error| {
            Error::new(Kind::Io, format!("cannot write {}", path.display())).caused_by(error)
        })?;
        Ok(path)
    }

    /// Removes the gate's hook from the repository of a directory. Returns the hook's file; `None` when there is no hook.
    ///
    /// # Errors
    /// When the hook is not ours, there is no repository or no git, or the file cannot be removed.
    pub fn remove_git_hook(&self, directory: &Path, hook: GitHook) -> Result<Option<PathBuf>> {
        let path = self.git_hook_file(directory, hook)?;
        match is_ours(&path, hook)? {
            None => Ok(None),
            Some(false) => {
                Err(Error::usage(format!("the {} hook is not ours: {}", hook.name(), path.display())))
            }
            Some(true) => {
                fs::remove_file(&path).map_err(|error| {
                    Error::new(Kind::Io, format!("cannot remove {}", path.display())).caused_by(error)
                })?;
                Ok(Some(path))
            }
        }
    }

    /// The file of a hook. Linked work trees share the hooks of their repository.
    fn git_hook_file(&self, directory: &Path, hook: GitHook) -> Result<PathBuf> {
        let git = self.git(directory, &["rev-parse", "--git-common-dir"])?.ok_or_else(|| {
            let message = format!("{} is not in a git repository", directory.display());
            Error::new(Kind::NotARepository, message)
        })?;
        Ok(directory.join(git).join("hooks").join(hook.name()))
    }

    /// The output of git; `None` when git fails or prints nothing. Only git knows all places of its configuration, and a
    /// repository that has hooks has a git that runs them.
    pub(super) fn git(&self, directory: &Path, words: &[&str]) -> Result<Option<String>> {
        let program = crate::codex::in_path(OsStr::new("git"), self.search_path.as_deref())
            .ok_or_else(|| Error::new(Kind::Repository, "git is not in PATH"))?;
        let output = Command::new(program)
            .args(words)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .map_err(|error| Error::new(Kind::Repository, "git could not be started").caused_by(error))?;
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        Ok(Some(text).filter(|text| output.status.success() && !text.is_empty()))
    }
}

/// Whether a hook is ours and unchanged; `None` when there is none.
fn is_ours(path: &Path, hook: GitHook) -> Result<Option<bool>> {
    // Not followed: a link is the user's, regardless of its target.
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(metadata) if !metadata.is_file() => return Ok(Some(false)),
        _ => {}
    }
    let content = fs::read(path)
        .map_err(|error| Error::new(Kind::Io, format!("cannot read {}", path.display())).caused_by(error))?;
    let (before, after) = around(hook);
    let program =
        content.strip_prefix(before.as_bytes()).and_then(|rest| rest.strip_suffix(after.as_bytes()));
    // The program may have been somewhere else when the hook was installed.
    Ok(Some(program.is_some_and(|program| program.starts_with(b"'") && !program.contains(&b'\n'))))
}

/// The hook's text up to the program's path, and the text after it.
fn around(hook: GitHook) -> (String, String) {
    let find = "command -v \"$program\" >/dev/null 2>&1 || program=";
    (
        format!("#!/bin/sh\n{MARK}\nprogram=codex-companion\n{find}"),
        format!("\nexec \"$program\" gate --git-hook {}\n", hook.name()),
    )
}

/// Writes the hook. A `new` one does not replace a file that was created in the meantime.
fn write(path: &Path, script: &str, new: bool) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    io::Write::write_all(&mut file, script.as_bytes())?;
    #[cfg(unix)]
    file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    file.as_file().sync_all()?;
    if new {
        file.persist_noclobber(path)?
    } else {
        file.persist(path)?
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_hook_is_not_ours() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hooks").join("pre-push");
        assert_eq!(is_ours(&path, GitHook::PrePush).unwrap(), None);
        let (before, after) = around(GitHook::PrePush);
        let script = format!("{before}'/usr/bin/it'\\''s'{after}");
        write(&path, &script, true).unwrap();
        assert_eq!(is_ours(&path, GitHook::PrePush).unwrap(), Some(true));
        assert_eq!(is_ours(&path, GitHook::PreCommit).unwrap(), Some(false));
        // A new hook replaces no file.
        assert!(write(&path, "other", true).is_err());
        write(&path, &format!("{script}echo more\n"), false).unwrap();
        assert_eq!(is_ours(&path, GitHook::PrePush).unwrap(), Some(false));
    }
}

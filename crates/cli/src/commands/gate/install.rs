//! `gate install` and `gate uninstall`: the gate as a git hook.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use codex_base::text::shell_word;

use crate::args::InstallHook;
use crate::commands::{Answer, App};
use crate::environment::this_program;
use crate::exit::{Failure, Kind};

/// What stands in every hook of ours, and in no other.
const MARK: &str =
    "# codex-companion gate: this hook is ours; `codex-companion gate uninstall` takes it away";

/// Puts the hook in its place, unless that is taken.
pub(super) fn install(app: &App, hook: InstallHook) -> Result<Answer, Failure> {
    if let Some(folder) = git(app, &["config", "--get", "core.hooksPath"])? {
        return Err(Failure::usage(format!(
            "git's hooks of this repository are in {folder} (core.hooksPath)"
        ))
        .with_hint(format!(
            "have the {} there call `codex-companion gate --git-hook {}`",
            name(hook),
            name(hook)
        )));
    }
    let path = path(app, hook)?;
    let known = is_ours(&path, hook)?;
    if known == Some(false) {
        return Err(Failure::usage(format!("there is a {} hook already: {}", name(hook), path.display()))
            .with_hint(format!("have it call `codex-companion gate --git-hook {}`", name(hook))));
    }
    let failed = |error| Failure::new(Kind::Io, format!("cannot write {}", path.display())).caused_by(error);
    write(&path, &script(hook)?, known.is_none()).map_err(failed)?;
    Ok(Answer::done(format!("The gate reviews before each {}: {}\n", action(hook), path.display())))
}

/// Takes the hook away again, if it is ours.
pub(super) fn uninstall(app: &App, hook: InstallHook) -> Result<Answer, Failure> {
    let path = path(app, hook)?;
    match is_ours(&path, hook)? {
        None => Ok(Answer::done(format!("There is no {} hook.\n", name(hook)))),
        Some(false) => {
            Err(Failure::usage(format!("the {} hook is not ours: {}", name(hook), path.display())))
        }
        Some(true) => {
            let failed =
                |error| Failure::new(Kind::Io, format!("cannot remove {}", path.display())).caused_by(error);
            fs::remove_file(&path).map_err(failed)?;
            Ok(Answer::done(format!("Removed {}\n", path.display())))
        }
    }
}

fn name(hook: InstallHook) -> &'static str {
    match hook {
        InstallHook::GitPrePush => "pre-push",
        InstallHook::GitPreCommit => "pre-commit",
    }
}

fn action(hook: InstallHook) -> &'static str {
    match hook {
        InstallHook::GitPrePush => "push",
        InstallHook::GitPreCommit => "commit",
    }
}

/// Where the hook goes: linked work trees share the hooks of their repository.
fn path(app: &App, hook: InstallHook) -> Result<PathBuf, Failure> {
    let folder = git(app, &["rev-parse", "--git-common-dir"])?.ok_or_else(|| {
        Failure::new(Kind::NotARepository, format!("{} is not in a git repository", app.cwd.display()))
    })?;
    Ok(app.cwd.join(folder).join("hooks").join(name(hook)))
}

/// `None` when there is no hook. One that somebody added to is theirs.
fn is_ours(path: &Path, hook: InstallHook) -> Result<Option<bool>, Failure> {
    // Not followed: a link is somebody's, wherever it leads.
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(metadata) if !metadata.is_file() => return Ok(Some(false)),
        _ => {}
    }
    let content = fs::read(path).map_err(|error| {
        Failure::new(Kind::Io, format!("cannot read {}", path.display())).caused_by(error)
    })?;
    let (before, after) = around(hook);
    let program =
        content.strip_prefix(before.as_bytes()).and_then(|rest| rest.strip_suffix(after.as_bytes()));
    // Where the program was when it was installed may differ.
    Ok(Some(program.is_some_and(|program| program.starts_with(b"'") && !program.contains(&b'\n'))))
}

fn script(hook: InstallHook) -> Result<String, Failure> {
    let program = this_program().map_err(|error| {
        Failure::new(Kind::Internal, "cannot tell where this program is").caused_by(error)
    })?;
    let (before, after) = around(hook);
    Ok(before + &shell_word(&program.to_string_lossy()) + &after)
}

/// What stands before and behind the program's place in the hook.
fn around(hook: InstallHook) -> (String, String) {
    let find = "command -v \"$program\" >/dev/null 2>&1 || program=";
    (
        format!("#!/bin/sh\n{MARK}\nprogram=codex-companion\n{find}"),
        format!("\nexec \"$program\" gate --git-hook {}\n", name(hook)),
    )
}

/// Writes the hook; a `new` one takes nobody's place.
fn write(path: &Path, script: &str, new: bool) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
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

/// What git says; `None` when it says no. Git itself is asked because only it knows all places of its configuration; a
/// repository that has hooks has a git that runs them.
pub(super) fn git(app: &App, words: &[&str]) -> Result<Option<String>, Failure> {
    let program = codex_companion_core::codex::in_path(OsStr::new("git"), app.environment.path.as_deref())
        .ok_or_else(|| Failure::new(Kind::Repository, "git is not in PATH"))?;
    let output = Command::new(program)
        .args(words)
        .current_dir(&app.cwd)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|error| Failure::new(Kind::Repository, "git could not be started").caused_by(error))?;
    let said = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    Ok(Some(said).filter(|said| output.status.success() && !said.is_empty()))
}

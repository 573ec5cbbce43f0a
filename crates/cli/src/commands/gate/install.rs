//! `gate install` and `gate uninstall`: the gate as a git hook.

use codex_companion_core::gate::GitHook;

use crate::args::InstallHook;
use crate::commands::{Answer, App};
use crate::environment::this_program;
use crate::exit::{Failure, Kind};

/// Installs the hook, unless the repository has another one.
pub(super) fn install(app: &App, hook: InstallHook) -> Result<Answer, Failure> {
    let program = this_program().map_err(|error| {
        Failure::new(Kind::Internal, "cannot tell where this program is").caused_by(error)
    })?;
    let hook = GitHook::from(hook);
    let path = app.companion().install_git_hook(&app.cwd, hook, &program)?;
    Ok(Answer::done(format!("The gate reviews before each {}: {}\n", hook.action(), path.display())))
}

/// Removes the hook, if it is ours.
pub(super) fn uninstall(app: &App, hook: InstallHook) -> Result<Answer, Failure> {
    let hook = GitHook::from(hook);
    Ok(Answer::done(match app.companion().remove_git_hook(&app.cwd, hook)? {
        Some(path) => format!("Removed {}\n", path.display()),
        None => format!("There is no {} hook.\n", hook.name()),
    }))
}

impl From<InstallHook> for GitHook {
    fn from(hook: InstallHook) -> Self {
        match hook {
            InstallHook::GitPrePush => Self::PrePush,
            InstallHook::GitPreCommit => Self::PreCommit,
        }
    }
}

//! The pinned real Claude Code, installed from npm under `target/`.

use std::path::{Path, PathBuf};

use crate::npm::{self, Package};
use crate::program::Outcome;
use crate::workspace::Workspace;

/// At the version that the plugin's tests are written against.
pub(crate) const PACKAGE: Package = Package {
    title: "Claude Code",
    name: "@anthropic-ai/claude-code",
    version: "2.1.197",
    folder: "real-claude",
};

/// `cargo xtask claude`: the path alone on stdout, for `$(…)`.
pub(crate) fn print() -> Outcome {
    println!("{}", install(&Workspace::read()?.target)?.display());
    Ok(())
}

/// Gives the program of the pinned Claude Code, installing it first when it is not there or does not work.
pub(crate) fn install(target: &Path) -> Outcome<PathBuf> {
    PACKAGE.install(target, check)
}

/// The program of this platform in the installation in `folder`, if it tells the pinned version.
///
/// npm's own install script would only link it to where users' PATH has it.
fn check(folder: &Path) -> Outcome<PathBuf> {
    let program = if cfg!(windows) { "claude.exe" } else { "claude" };
    let packages = npm::entries(&folder.join("node_modules/@anthropic-ai"));
    // npm installs the one package of those for the platforms that fits.
    let program = packages.into_iter().map(|package| package.join(program)).find(|path| path.is_file());
    let program =
        program.ok_or_else(|| format!("no program for this platform under {}", folder.display()))?;
    PACKAGE.version_told(&program, folder, "CLAUDE_CONFIG_DIR")?;
    Ok(program)
}

//! The pinned real Codex, installed from npm under `target/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{self, Outcome};
use crate::workspace::Workspace;

/// The version that the facts in docs/ were observed on and that the tests are written against.
pub(crate) const VERSION: &str = "0.169.0";
const OLDEST_NODE: u32 = 18;
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

pub(crate) struct Codex {
    /// What `npm install` puts on a user's PATH: a Node program that starts the native one.
    pub(crate) wrapper: PathBuf,
    /// The program for this platform itself.
    pub(crate) native: PathBuf,
}

/// `cargo xtask codex`: the path alone on stdout, for `$(…)`.
pub(crate) fn print(native: bool) -> Outcome {
    let codex = install(&Workspace::read()?.target)?;
    println!("{}", if native { codex.native } else { codex.wrapper }.display());
    Ok(())
}

/// Gives the pinned Codex, installing it first when it is not there or does not work.
///
/// Concurrent calls wait for one another; a call that is killed half-way leaves nothing that a later one takes for
/// an installation, because the folder gets its name only when the program in it has answered.
pub(crate) fn install(target: &Path) -> Outcome<Codex> {
    let base = target.join("real-codex");
    fs::create_dir_all(&base).map_err(|error| failed("create", &base, &error))?;
    let lock_path = base.join("lock");
    let lock = fs::File::create(&lock_path).map_err(|error| failed("create", &lock_path, &error))?;
    lock.lock().map_err(|error| failed("lock", &lock_path, &error))?;

    let folder = base.join(VERSION);
    if let Ok(codex) = check(&folder) {
        return Ok(codex);
    }
    require_node()?;
    eprintln!("installing @openai/codex@{VERSION} into {}", folder.display());
    let fresh = base.join("installing");
    remove(&fresh)?;
    fs::create_dir_all(&fresh).map_err(|error| failed("create", &fresh, &error))?;
    // Without a manifest of its own npm would look for one in the folders above.
    let manifest = fresh.join("package.json");
    fs::write(&manifest, "{\"private\":true}\n").map_err(|error| failed("write", &manifest, &error))?;
    let package = format!("@openai/codex@{VERSION}");
    let mut npm = Command::new(NPM);
    npm.args([
        "install",
        "--save-exact",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--include=optional",
    ]);
    npm.arg(&package).current_dir(&fresh);
    program::output(&mut npm).map_err(|error| {
        format!("{package} could not be installed; the tests on the real Codex need it (npm must reach its registry).\n{error}")
    })?;
    check(&fresh).map_err(|error| format!("{package} was installed but does not work: {error}"))?;
    remove(&folder)?;
    fs::rename(&fresh, &folder).map_err(|error| failed("rename", &fresh, &error))?;
    check(&folder)
}

/// The installation in `folder`, if its programs are there and the one that users start tells the pinned version.
fn check(folder: &Path) -> Outcome<Codex> {
    let modules = folder.join("node_modules");
    let wrapper = modules.join(".bin").join(if cfg!(windows) { "codex.cmd" } else { "codex" });
    let native = native(&modules.join("@openai"))
        .ok_or_else(|| format!("no native program for this platform under {}", modules.display()))?;
    // A home of its own: asking for a version must not touch the user's.
    let home = folder.join("home");
    fs::create_dir_all(&home).map_err(|error| failed("create", &home, &error))?;
    let mut command = Command::new(&wrapper);
    let told = program::output(command.arg("--version").env("CODEX_HOME", &home).env("HOME", &home))?;
    if told.split_whitespace().last() == Some(VERSION) {
        Ok(Codex { wrapper, native })
    } else {
        Err(format!("{} says that it is {}", wrapper.display(), told.trim()))
    }
}

/// `codex-*/vendor/*/bin/codex` below npm's folder of the scope: each platform has a package of its own.
fn native(scope: &Path) -> Option<PathBuf> {
    let folders = |folder: &Path| {
        let entries = fs::read_dir(folder).ok().into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let program = if cfg!(windows) { "codex.exe" } else { "codex" };
    let platforms = folders(scope).into_iter().flat_map(|package| folders(&package.join("vendor")));
    platforms.map(|platform| platform.join("bin").join(program)).find(|path| path.is_file())
}

fn require_node() -> Outcome {
    let help =
        format!("install Node {OLDEST_NODE} or newer with npm (nodejs.org, or your system's packages)");
    let told = program::output(Command::new("node").arg("--version"))
        .map_err(|error| format!("the tests on the real Codex need Node: {help}.\n{error}"))?;
    if !node_is_new_enough(&told) {
        return Err(format!("Node {} is too old: {help}", told.trim()));
    }
    program::output(Command::new(NPM).arg("--version"))
        .map_err(|error| format!("Node is there, npm is not: {help}.\n{error}"))?;
    Ok(())
}

fn node_is_new_enough(told: &str) -> bool {
    let major = told.trim().trim_start_matches('v').split('.').next();
    major.and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= OLDEST_NODE)
}

fn remove(folder: &Path) -> Outcome {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed("remove", folder, &error)),
        _ => Ok(()),
    }
}

fn failed(operation: &str, path: &Path, error: &std::io::Error) -> String {
    format!("could not {operation} {}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_versions() {
        let check = |told, expected| assert_eq!(node_is_new_enough(told), expected, "{told:?}");
        check("v18.0.0\n", true);
        check("v20.20.2", true);
        check("v16.20.2", false);
        check("v9.0.0", false);
        check("", false);
        check("node", false);
    }
}

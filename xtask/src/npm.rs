//! The programs from npm that the tests run, pinned and installed under `target/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{self, Outcome};

const OLDEST_NODE: u32 = 18;
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// A package of npm's registry, at the one version that our tests are written against.
#[derive(Debug)]
pub struct Package {
    /// What tests and people call the program: "Codex".
    pub title: &'static str,
    /// Its name in the registry.
    pub name: &'static str,
    /// The version to install.
    pub version: &'static str,
    /// The folder under `target/` that its installations are in.
    pub folder: &'static str,
}

impl Package {
    /// Where all its installations are, below cargo's `target`.
    pub fn base(&self, target: &Path) -> PathBuf {
        target.join(self.folder)
    }

    /// Gives what `check` finds in the installation, installing it first when it is not there or does not work.
    ///
    /// Concurrent calls wait for one another; a call that is killed half-way leaves nothing that a later one takes for
    /// an installation, because the folder gets its name only when the program in it has answered.
    pub fn install<T>(&self, target: &Path, check: impl Fn(&Path) -> Outcome<T>) -> Outcome<T> {
        let base = self.base(target);
        fs::create_dir_all(&base).map_err(|error| failed("create", &base, &error))?;
        let lock_path = base.join("lock");
        let lock = fs::File::create(&lock_path).map_err(|error| failed("create", &lock_path, &error))?;
        lock.lock().map_err(|error| failed("lock", &lock_path, &error))?;

        let folder = base.join(self.version);
        if let Ok(found) = check(&folder) {
            return Ok(found);
        }
        self.require_node()?;
        let package = format!("{}@{}", self.name, self.version);
        eprintln!("installing {package} into {}", folder.display());
        let fresh = base.join("installing");
        remove(&fresh)?;
        fs::create_dir_all(&fresh).map_err(|error| failed("create", &fresh, &error))?;
        // Without a manifest of its own npm would look for one in the folders above.
        let manifest = fresh.join("package.json");
        fs::write(&manifest, "{\"private\":true}\n").map_err(|error| failed("write", &manifest, &error))?;
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
            let title = self.title;
            format!("{package} could not be installed; the tests on the real {title} need it (npm must reach its registry).\n{error}")
        })?;
        check(&fresh).map_err(|error| format!("{package} was installed but does not work: {error}"))?;
        remove(&folder)?;
        fs::rename(&fresh, &folder).map_err(|error| failed("rename", &fresh, &error))?;
        check(&folder)
    }

    /// What `program --version` says, asked in a home of its own below `folder`: asking must not touch the user's.
    pub fn version_told(&self, program: &Path, folder: &Path, home: &str) -> Outcome<String> {
        let private = folder.join("home");
        fs::create_dir_all(&private).map_err(|error| failed("create", &private, &error))?;
        let mut command = Command::new(program);
        let told = program::output(command.arg("--version").env(home, &private).env("HOME", &private))?;
        if told.split_whitespace().any(|word| word == self.version) {
            Ok(told)
        } else {
            Err(format!("{} says that it is {}", program.display(), told.trim()))
        }
    }

    fn require_node(&self) -> Outcome {
        let help =
            format!("install Node {OLDEST_NODE} or newer with npm (nodejs.org, or your system's packages)");
        let told = program::output(Command::new("node").arg("--version"))
            .map_err(|error| format!("the tests on the real {} need Node: {help}.\n{error}", self.title))?;
        if !node_is_new_enough(&told) {
            return Err(format!("Node {} is too old: {help}", told.trim()));
        }
        program::output(Command::new(NPM).arg("--version"))
            .map_err(|error| format!("Node is there, npm is not: {help}.\n{error}"))?;
        Ok(())
    }
}

/// The entries of a folder; none when it cannot be read.
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).ok().into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
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

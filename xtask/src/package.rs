//! `cargo xtask package`: every published crate as others will get it.
//!
//! What is in each package is looked at first, which is quick; then cargo packs all of them, builds each from its package
//! against the packages of the others, and goes through publishing but for the upload.

use std::fs;

use crate::program::{self, Outcome};
use crate::workspace::{self, Package, Workspace};

/// What a package must have.
const REQUIRED: &[&str] = &["Cargo.toml", "README.md", "LICENSE-APACHE", "LICENSE-MIT", "src/lib.rs"];
/// What it may have beside that, as the beginning of a path. Tests stay here: they need the testkit and large fixtures.
const PERMITTED: &[&str] =
    &["src/", "examples/", "prompts/", "Cargo.lock", "Cargo.toml.orig", ".cargo_vcs_info.json"];
/// More compressed bytes than this make somebody ask why.
const LARGEST: u64 = 400 * 1024;

pub(crate) fn run() -> Outcome {
    let workspace = Workspace::read()?;
    let published: Vec<&Package> = workspace.packages.iter().filter(|package| package.published).collect();
    for package in &published {
        let mut command = program::cargo();
        command.args(["package", "--list", "--quiet", "--allow-dirty", "--package", &package.name]);
        let listed = program::output(command.current_dir(workspace::root()))?;
        let files: Vec<String> = listed.lines().map(|line| line.replace('\\', "/")).collect();
        contents(package, &files)?;
        licences(package)?;
    }
    // All at once: cargo orders them, and lets each see the others as if they were published.
    let mut command = program::cargo();
    command.args(["publish", "--dry-run", "--allow-dirty", "--locked"]);
    command.args(published.iter().flat_map(|package| ["--package", &package.name]));
    program::status(command.current_dir(workspace::root()))?;
    for package in &published {
        // Where cargo leaves what it would have sent.
        let path = workspace.target.join(format!(
            "package/tmp-crate/{}-{}.crate",
            package.name,
            env!("CARGO_PKG_VERSION")
        ));
        let metadata =
            fs::metadata(&path).map_err(|error| format!("no package {}: {error}", path.display()))?;
        size(package, metadata.len())?;
    }
    println!("{} packages can be published", published.len());
    Ok(())
}

fn contents(package: &Package, files: &[String]) -> Outcome {
    let missing = REQUIRED.iter().find(|required| !files.iter().any(|file| file == *required));
    if let Some(missing) = missing {
        return Err(format!("the package {} has no {missing}", package.name));
    }
    let permitted = |file: &&String| {
        REQUIRED.contains(&file.as_str()) || PERMITTED.iter().any(|begins| file.starts_with(begins))
    };
    match files.iter().find(|file| !permitted(file)) {
        Some(file) => {
            Err(format!("the package {} should not have {file}: see `include` in its manifest", package.name))
        }
        None => Ok(()),
    }
}

/// The licences in a crate's folder are links; where links are not checked out, they are text that names a path.
fn licences(package: &Package) -> Outcome {
    let root = workspace::root();
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let path = format!("{}/{name}", package.folder);
        if fs::read(root.join(&path)).ok() != fs::read(root.join(name)).ok() {
            return Err(format!(
                "{path} is not {name}: check out links as links (git config core.symlinks true)"
            ));
        }
    }
    Ok(())
}

fn size(package: &Package, bytes: u64) -> Outcome {
    println!("{}: {} KiB", package.name, bytes.div_ceil(1024));
    if bytes > LARGEST {
        return Err(format!("the package {} has {bytes} bytes, and {LARGEST} are a lot", package.name));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_what_it_must_and_nothing_else() {
        let package = Package { name: "a".to_owned(), ..Package::default() };
        let check = |extra: &[&str], without: &str| {
            let files = REQUIRED.iter().chain(extra).filter(|file| **file != without);
            contents(&package, &files.map(|file| (*file).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(check(&["src/frame/mod.rs", "examples/agent.rs", "Cargo.lock"], ""), Ok(()));
        assert_eq!(check(&[], "LICENSE-MIT"), Err("the package a has no LICENSE-MIT".to_owned()));
        assert!(check(&["tests/it/main.rs"], "").unwrap_err().contains("should not have tests/it/main.rs"));
    }

    #[test]
    fn a_large_package_is_asked_about() {
        assert_eq!(size(&Package::default(), LARGEST), Ok(()));
        assert!(size(&Package::default(), LARGEST + 1).is_err());
    }
}

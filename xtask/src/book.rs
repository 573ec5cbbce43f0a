//! `cargo xtask book`: the documents as a book, with a pinned mdBook from the registry.

use std::process::Command;

use crate::program::{self, Outcome};
use crate::workspace::{self, Workspace};

/// Installed once, under `target/`; a compile of some minutes.
const VERSION: &str = "0.5.4";

pub(crate) fn run() -> Outcome {
    let workspace = Workspace::read()?;
    let root = workspace.target.join(format!("mdbook-{VERSION}"));
    let program = root.join("bin").join(if cfg!(windows) { "mdbook.exe" } else { "mdbook" });
    if !program.is_file() {
        println!("installing mdbook {VERSION} under target/, once");
        let mut install = program::cargo();
        install.args(["install", "--quiet", "--locked", "--no-default-features", "--features", "search"]);
        install.args(["--version", VERSION, "mdbook", "--root"]).arg(&root);
        // Not this workspace's configuration, nor its target folder.
        program::status(install.current_dir(&workspace.target))?;
    }
    program::status(Command::new(&program).arg("build").arg(workspace::root().join("docs")))
}

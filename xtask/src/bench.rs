//! `cargo xtask bench`: the criterion benches, shortened to what a person waits for.

use crate::program::{self, Outcome};
use crate::workspace::{self, Workspace};

/// Seconds of warming up and of measuring, per bench: enough to see a ratio, not enough to see one per cent.
const WARM_UP: &str = "0.5";
const MEASURE: &str = "2";

pub(crate) fn run(filter: Option<&str>) -> Outcome {
    let workspace = Workspace::read()?;
    let package = workspace.packages.iter().find(|package| package.folder == "benches");
    let package = package.filter(|package| !package.benches.is_empty()).ok_or("benches/ has no bench yet")?;
    let mut command = program::cargo();
    command.args(["bench", "--package", &package.name, "--benches", "--"]);
    command.args(["--warm-up-time", WARM_UP, "--measurement-time", MEASURE]).args(filter);
    program::status(command.current_dir(workspace::root()))
}

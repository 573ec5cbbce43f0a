//! `cargo xtask tidy`: the rules of the house that no compiler and no clippy lint checks.
//!
//! Each rule is a pure function from what is there to the problems that it finds; this module reads and prints.
//! Where a rule is wrong for one line of source, `// tidy: allow(RULE) reason` on it or just above says so.

mod calls;
mod documents;
mod layering;
mod length;
mod links;
mod machine;
mod manifests;
mod source;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use crate::program::Outcome;
use crate::workspace::{self, Workspace};

/// Something that must change, at a line (counted from 1) where it has one.
#[derive(Debug, PartialEq)]
pub(crate) struct Problem {
    path: String,
    line: Option<usize>,
    message: String,
}

impl Problem {
    fn new(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, message: message.into() }
    }

    fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: Some(line), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.message),
            None => write!(f, "{}: {}", self.path, self.message),
        }
    }
}

/// The text files of the repository by their path from the root, with forward slashes.
type Files = BTreeMap<String, String>;

pub(crate) fn run() -> Outcome {
    let workspace = Workspace::read()?;
    let files = read_files()?;
    let mut problems = Vec::new();
    problems.extend(manifests::check(&workspace.packages, &files));
    problems.extend(layering::check(&workspace.packages));
    problems.extend(documents::check(&workspace.packages, &files));
    problems.extend(links::check(&files));
    problems.extend(machine::check(&files, &machine::forbidden()));
    let mut warnings = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".rs")) {
        let source = source::Source::new(text);
        problems.extend(calls::check(path, &source));
        problems.extend(length::check(path, &source, &mut warnings));
    }
    for warning in &warnings {
        println!("warning: {warning}");
    }
    for problem in &problems {
        println!("{problem}");
    }
    if problems.is_empty() { Ok(()) } else { Err(format!("tidy: {} problems", problems.len())) }
}

/// All files as text; what is not UTF-8 has no rule here, and a file that is deleted but still in the index is gone.
fn read_files() -> Outcome<Files> {
    let root = workspace::root();
    let read = |path: String| Some((fs::read_to_string(root.join(&path)).ok()?, path));
    Ok(workspace::files()?.into_iter().filter_map(read).map(|(text, path)| (path, text)).collect())
}

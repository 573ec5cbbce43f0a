//! The throw-away repository of the demo: one commit, and one change that has a bug.
#![expect(clippy::disallowed_methods, reason = "writes a throw-away repository, and starts git from PATH")]

use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::exit::{Failure, Kind};

/// The file with the bug, relative to the root.
pub(super) const BUGGY_FILE: &str = "src/cart.rs";
/// The lines of the bug.
pub(super) const LINES: RangeInclusive<u32> = 8..=10;
/// What the scripted model says of it, in short.
pub(super) const TITLE: &str = "[P1] The loop reads one element past the end of the items";
/// What it says of it.
pub(super) const BODY: &str = "`0..=items.len()` includes `items.len()` itself, so the last round indexes past the end and \
    panics for every cart, the empty one included. Iterate over the items, or use `0..items.len()`.";
/// What it says of the whole.
pub(super) const EXPLANATION: &str = "The new loop panics on every call, so no total is ever computed.";

/// The buggy file as it is committed.
pub const BEFORE: &str = "\
//! What a customer is about to buy.

/// An item's price in cents, and how many of it.
pub struct Item { pub price: u64, pub count: u64 }

/// The total of a cart in cents.
pub fn total(items: &[Item]) -> u64 {
    items.iter().map(|item| item.price * item.count).sum()
}
";
/// The buggy file with its uncommitted change.
pub const AFTER: &str = "\
//! What a customer is about to buy.

/// An item's price in cents, and how many of it.
pub struct Item { pub price: u64, pub count: u64 }

/// The total of a cart in cents, the discount of each tenth item taken off.
pub fn total(items: &[Item]) -> u64 {
    let mut sum = 0;
    for i in 0..=items.len() {
        sum += items[i].price * (items[i].count - items[i].count / 10);
    }
    sum
}
";
/// The change between the two, as `git diff` shows it.
pub(super) const DIFF: &str = "\
--- a/src/cart.rs
+++ b/src/cart.rs
@@ -3,7 +3,11 @@
 /// An item's price in cents, and how many of it.
 pub struct Item { pub price: u64, pub count: u64 }
 
-/// The total of a cart in cents.
+/// The total of a cart in cents, the discount of each tenth item taken off.
 pub fn total(items: &[Item]) -> u64 {
-    items.iter().map(|item| item.price * item.count).sum()
+    let mut sum = 0;
+    for i in 0..=items.len() {
+        sum += items[i].price * (items[i].count - items[i].count / 10);
+    }
+    sum
 }
";

/// A repository in a temporary folder; dropping it removes it.
pub(super) struct Repository {
    folder: TempDir,
    root: std::path::PathBuf,
}

impl Repository {
    /// Makes the repository with the `git` of `path`.
    pub(super) fn create(path: Option<&OsStr>) -> Result<Self, Failure> {
        let io = |error: std::io::Error| {
            Failure::new(Kind::Io, "cannot make a throw-away repository").caused_by(error)
        };
        let git = codex_companion_core::codex::in_path(OsStr::new("git"), path).ok_or_else(|| {
            Failure::new(Kind::Io, "the demo needs `git` to make its throw-away repository")
                .with_hint("install git")
        })?;
        let folder = tempfile::Builder::new().prefix("codex-companion-demo-").tempdir().map_err(io)?;
        let root = folder.path().canonicalize().map_err(io)?;
        let file = root.join(BUGGY_FILE);
        std::fs::create_dir_all(root.join("src")).map_err(io)?;
        std::fs::write(&file, BEFORE).map_err(io)?;
        let identity =
            ["-c", "user.name=Demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgSign=false"];
        let steps: [&[&str]; 3] = [
            &["init", "--quiet", "--initial-branch=main"],
            &["add", "--all"],
            &["commit", "--quiet", "--no-verify", "--message=Add the cart"],
        ];
        for step in steps {
            run(&git, &root, &identity, step)?;
        }
        std::fs::write(&file, AFTER).map_err(io)?;
        Ok(Self { folder, root })
    }

    pub(super) fn path(&self) -> &Path {
        &self.root
    }

    /// What was made, for the reader.
    pub(super) fn story(&self) -> String {
        format!("$ git diff\n\n{DIFF}\n")
    }

    /// Removes the repository, and says so if that fails.
    pub(super) fn remove(self) -> Result<(), Failure> {
        self.folder.close().map_err(|error| {
            Failure::new(Kind::Io, "cannot remove the throw-away repository").caused_by(error)
        })
    }
}

fn run(git: &Path, root: &Path, identity: &[&str], arguments: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new(git);
    // The user's own hooks, templates and signing have no part in this.
    command
        .args(identity)
        .args(["-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false"])
        .args(arguments);
    command.current_dir(root).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_TEMPLATE_DIR", "");
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(variable);
    }
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| Failure::new(Kind::Io, "cannot start git").caused_by(error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = codex_base::text::one_line(&String::from_utf8_lossy(&output.stderr), 400);
    Err(Failure::new(Kind::Io, format!("git {} failed: {said}", arguments.join(" "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_bug_are_those_of_the_file() {
        let lines: Vec<&str> = AFTER.lines().collect();
        let start = usize::try_from(*LINES.start()).unwrap();
        assert!(lines[start].contains("0..=items.len()"), "{}", lines[start]);
    }

    #[test]
    fn the_diff_is_what_git_says() {
        let path = std::env::var_os("PATH");
        let repository = Repository::create(path.as_deref()).unwrap();
        let git = codex_companion_core::codex::in_path(OsStr::new("git"), path.as_deref()).unwrap();
        let output = Command::new(git)
            .args(["diff", "--no-color", "--no-ext-diff"])
            .current_dir(repository.path())
            .output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        let body = &text[text.find("---").unwrap()..];
        // git adds the function's name behind the hunk's header.
        let plain = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
        let ours = plain(DIFF);
        assert_eq!(
            plain(body).iter().map(|l| l.split(" @@ ").next().unwrap().to_owned()).collect::<Vec<_>>().len(),
            ours.len()
        );
        for (theirs, ours) in plain(body).iter().zip(&ours) {
            assert!(theirs.starts_with(ours.as_str()), "{theirs:?} {ours:?}");
        }
        let root = repository.path().to_path_buf();
        repository.remove().unwrap();
        assert!(!root.exists());
    }
}

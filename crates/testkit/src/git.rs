//! Fixture repositories, made by real `git` and by nothing of the machine's configuration.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

/// The time of the first commit; each next one is a minute later. 2026-01-01T00:00:00Z in seconds.
const FIRST_COMMIT: u32 = 1_767_225_600;

/// A repository in a temporary folder, removed when it is dropped.
///
/// Every method panics with what git said when git fails. Authors, dates and the name of the default branch (`main`)
/// are fixed, so that the same calls give the same object ids.
#[derive(Debug)]
pub struct Repo {
    path: PathBuf,
    commits: AtomicU32,
    _folder: TempDir,
}

impl Repo {
    /// An empty repository: no commit, `main` unborn.
    #[expect(
        clippy::new_without_default,
        reason = "it makes folders and runs programs, which no default should"
    )]
    pub fn new() -> Self {
        let folder =
            tempfile::Builder::new().prefix("repo-").tempdir().expect("a temporary folder can be made");
        // Git reports paths as the system names them; a symlinked temporary folder would not compare equal.
        let path = folder.path().canonicalize().expect("the folder was just made");
        let repo = Self { path, commits: AtomicU32::new(0), _folder: folder };
        repo.run(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    /// A repository with one commit of a file `a.txt` that says `one`.
    pub fn with_commit() -> Self {
        let repo = Self::new();
        repo.write("a.txt", "one\n").commit("Add a.txt");
        repo
    }

    /// The root of the work tree, without symlinks in it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file, and the folders that it is in.
    pub fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path.join(path);
        let folder = path.parent().expect("a file is in a folder");
        std::fs::create_dir_all(folder).expect("the fixture's folder can be made");
        std::fs::write(&path, content)
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        self
    }

    /// Removes a file of the work tree.
    pub fn remove(&self, path: impl AsRef<Path>) -> &Self {
        let path = self.path.join(path);
        std::fs::remove_file(&path)
            .unwrap_or_else(|error| panic!("cannot remove {}: {error}", path.display()));
        self
    }

    /// Makes a symbolic link with any target, there or not.
    #[cfg(unix)]
    pub fn symlink(&self, path: impl AsRef<Path>, target: impl AsRef<Path>) -> &Self {
        let path = self.path.join(path);
        std::os::unix::fs::symlink(target, &path)
            .unwrap_or_else(|error| panic!("cannot link {}: {error}", path.display()));
        self
    }

    /// Stages everything.
    pub fn stage(&self) -> &Self {
        self.run(&["add", "--all"])
    }

    /// Stages everything and commits it, even when nothing changed.
    pub fn commit(&self, message: &str) -> &Self {
        self.stage().run(&["commit", "--quiet", "--allow-empty", "--message", message])
    }

    /// Makes a branch at HEAD and goes to it.
    pub fn branch(&self, name: &str) -> &Self {
        self.run(&["checkout", "--quiet", "-b", name])
    }

    /// Makes a branch that shares no history with any other, with an empty work tree, and goes to it.
    pub fn orphan(&self, name: &str) -> &Self {
        self.run(&["checkout", "--quiet", "--orphan", name]).run(&["rm", "-r", "--force", "--quiet", "."])
    }

    /// Goes to a branch, tag or commit.
    pub fn checkout(&self, revision: &str) -> &Self {
        self.run(&["checkout", "--quiet", revision])
    }

    /// Runs git with these arguments.
    pub fn run(&self, arguments: &[&str]) -> &Self {
        self.output(arguments);
        self
    }

    /// Runs git with these arguments and gives its stdout, without the newline at its end.
    pub fn output(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments);
        assert!(
            output.status.success(),
            "git {arguments:?} in {}: {}\n{}",
            self.path.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).expect("git's output is UTF-8");
        text.strip_suffix('\n').unwrap_or(&text).to_owned()
    }

    /// Runs git with these arguments, whatever comes of it.
    pub fn try_run(&self, arguments: &[&str]) -> Output {
        let commits = &self.commits;
        let number = match arguments.first() {
            Some(&("commit" | "merge" | "rebase" | "cherry-pick" | "revert")) => {
                commits.fetch_add(1, Ordering::Relaxed)
            }
            _ => commits.load(Ordering::Relaxed),
        };
        let date = format!("{} +0000", FIRST_COMMIT + 60 * number);
        command(&self.path)
            .args(arguments)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .output()
            .expect("git is installed")
    }

    /// The commit that HEAD is at, as a full id.
    pub fn head(&self) -> String {
        self.output(&["rev-parse", "HEAD"])
    }
}

/// A `git` that runs in `folder`, sees no configuration but that of the repository, and asks nobody anything.
pub fn command(folder: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(folder);
    // A test may itself be run by a git hook, which tells its children where its repository is.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
        git.env_remove(name);
    }
    for (name, value) in hermetic_env() {
        git.env(name, value);
    }
    git
}

/// The variables that make `git` hermetic, for programs under test that run it.
pub fn hermetic_env() -> [(&'static str, &'static str); 8] {
    [
        ("GIT_CONFIG_GLOBAL", if cfg!(windows) { "NUL" } else { "/dev/null" }),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "Ann Author"),
        ("GIT_AUTHOR_EMAIL", "ann@example.com"),
        ("GIT_COMMITTER_NAME", "Ann Author"),
        ("GIT_COMMITTER_EMAIL", "ann@example.com"),
        ("LC_ALL", "C"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> Repo {
        let repo = Repo::with_commit();
        repo.branch("feature").write("dir/b.txt", "two\n").remove("a.txt").commit("Change").checkout("main");
        repo
    }

    #[test]
    fn the_same_calls_give_the_same_commits() {
        let (one, two) = (history(), history());
        assert_eq!(one.output(&["rev-parse", "feature"]), two.output(&["rev-parse", "feature"]));
        assert_eq!(one.output(&["diff", "--name-status", "main", "feature"]), "D\ta.txt\nA\tdir/b.txt");
        assert_eq!(one.output(&["branch", "--show-current"]), "main");
        assert_eq!(one.output(&["log", "-1", "--format=%an %at", "feature"]), "Ann Author 1767225660");
    }

    #[test]
    fn histories_can_be_unrelated() {
        let repo = Repo::with_commit();
        repo.orphan("other").write("c.txt", "c").commit("Other root");
        assert_eq!(repo.try_run(&["merge-base", "main", "other"]).status.code(), Some(1));
        assert_eq!(repo.output(&["ls-files"]), "c.txt");
    }

    #[test]
    #[should_panic(expected = "no-such-revision")]
    fn a_failing_git_fails_the_test() {
        Repo::new().checkout("no-such-revision");
    }
}

//! Repositories made by the machine's git, isolated from the settings of the user who runs the tests.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use codex_review_target::{
    Area, ConfigScope, Error, Measure, MeasureBudget, MeasureOptions, ResolveOptions, Target, TargetScope,
    measure, resolve,
};
use tempfile::TempDir;

pub struct Fixture {
    temp: TempDir,
    root: PathBuf,
}

impl Fixture {
    /// An empty repository on the branch `main`.
    pub fn new() -> Self {
        Self::with_init(&[])
    }

    pub fn with_init(arguments: &[&str]) -> Self {
        let temp = TempDir::new().unwrap();
        let root = temp.path().canonicalize().unwrap().join("work");
        fs::create_dir(&root).unwrap();
        let fixture = Self { temp, root };
        let mut init = vec!["init", "--quiet", "--initial-branch=main"];
        init.extend(arguments);
        fixture.git(&init);
        fixture
    }

    /// One commit with `a.txt`, on `main`.
    pub fn committed() -> Self {
        let fixture = Self::new();
        fixture.write("a.txt", "one\ntwo\nthree\n");
        fixture.commit("first");
        fixture
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path next to the work tree, for files outside of it.
    pub fn outside(&self, name: &str) -> PathBuf {
        self.temp.path().canonicalize().unwrap().join(name)
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.join(name)
    }

    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn remove(&self, name: impl AsRef<Path>) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// Adds and commits all files. Returns the id of the commit.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs git in the work tree and expects success. Returns its output without the last line end.
    #[track_caller]
    pub fn git(&self, arguments: &[impl AsRef<OsStr>]) -> String {
        let bytes = self.git_bytes(arguments);
        String::from_utf8(bytes).unwrap().trim_end_matches('\n').to_owned()
    }

    #[track_caller]
    pub fn git_bytes(&self, arguments: &[impl AsRef<OsStr>]) -> Vec<u8> {
        let output = git_at(&self.root, arguments, b"");
        assert!(output.status.success(), "git failed: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    pub fn resolve(&self, options: ResolveOptions) -> Result<Target, Error> {
        resolve(&self.root, &options.config(ConfigScope::Repository))
    }

    #[track_caller]
    pub fn target(&self, scope: TargetScope) -> Target {
        self.resolve(ResolveOptions::new().scope(scope)).unwrap()
    }
}

pub fn git_at(directory: &Path, arguments: &[impl AsRef<OsStr>], input: &[u8]) -> Output {
    git_with(directory, arguments, input, &[])
}

pub fn git_with(
    directory: &Path,
    arguments: &[impl AsRef<OsStr>],
    input: &[u8],
    variables: &[(&str, &OsStr)],
) -> Output {
    use std::io::Write as _;
    let mut child = Command::new("git")
        .args(["-c", "protocol.file.allow=always", "-c", "commit.gpgSign=false"])
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.com")
        .env("GIT_AUTHOR_DATE", "2024-01-02T03:04:05Z")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.com")
        .env("GIT_COMMITTER_DATE", "2024-01-02T03:04:05Z")
        .env("GIT_TERMINAL_PROMPT", "0")
        .envs(variables.iter().copied())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    drop(writer.join().unwrap());
    output
}

/// Lines added and removed by path, as git counts them; `None` for binary files.
pub type Numstat = std::collections::BTreeMap<Vec<u8>, Option<(u64, u64)>>;

pub fn numstat_at(directory: &Path, arguments: &[&str]) -> Numstat {
    let mut all = vec!["diff", "--no-renames", "--numstat", "-z", "--no-ext-diff", "--no-textconv"];
    all.extend(arguments);
    let output = git_at(directory, &all, b"");
    assert!(output.status.success(), "git failed: {}", String::from_utf8_lossy(&output.stderr));
    let mut found = Numstat::new();
    for line in output.stdout.split(|b| *b == 0).filter(|line| !line.is_empty()) {
        let mut parts = line.splitn(3, |b| *b == b'\t');
        let mut number = || std::str::from_utf8(parts.next().unwrap()).unwrap().parse::<u64>().ok();
        let (added, removed) = (number(), number());
        let path = parts.next().unwrap().to_vec();
        let count = added.zip(removed);
        // A file in conflict has a line of zeros before its own.
        let entry = found.entry(path).or_insert(Some((0, 0)));
        *entry = entry.zip(count).map(|(a, b)| (a.0 + b.0, a.1 + b.1));
    }
    found
}

pub fn untracked_at(directory: &Path) -> Vec<Vec<u8>> {
    let output = git_at(directory, &["ls-files", "--others", "--exclude-standard", "-z"], b"");
    assert!(output.status.success(), "git failed: {}", String::from_utf8_lossy(&output.stderr));
    let paths = output.stdout.split(|b| *b == 0).filter(|path| !path.is_empty());
    let mut paths: Vec<Vec<u8>> = paths.map(<[u8]>::to_vec).collect();
    paths.sort();
    paths
}

/// What a measure without a budget says of one area, in git's terms.
pub fn ours(measure: &Measure, area: Area) -> Numstat {
    let files = measure.files.iter().filter(|file| file.area == area);
    files.map(|file| (file.path.as_bytes().to_vec(), file.insertions.zip(file.deletions))).collect()
}

/// Whether git and the crate see the same files and lines in the work tree.
#[track_caller]
pub fn assert_as_git_says(directory: &Path) -> Option<Measure> {
    let staged = numstat_at(directory, &["--cached"]);
    let unstaged = numstat_at(directory, &[]);
    let untracked = untracked_at(directory);
    let options = ResolveOptions::new().scope(TargetScope::WorkingTree).config(ConfigScope::Repository);
    let target = match resolve(directory, &options) {
        Ok(target) => target,
        Err(error) => {
            assert_eq!(error.kind(), codex_review_target::ErrorKind::NothingToReview, "{error:?}");
            let nothing = (Numstat::new(), Numstat::new(), Vec::new());
            assert_eq!(nothing, (staged, unstaged, untracked), "nothing is reported");
            return None;
        }
    };
    let measure = measure(&target, &MeasureOptions::new().budget(MeasureBudget::unlimited())).unwrap();
    assert_eq!(printable(&ours(&measure, Area::Staged)), printable(&staged), "staged");
    assert_eq!(printable(&ours(&measure, Area::Unstaged)), printable(&unstaged), "unstaged");
    let paths: Vec<Vec<u8>> = ours(&measure, Area::Untracked).into_keys().collect();
    assert_eq!(paths, untracked, "untracked");
    Some(measure)
}

fn printable(numstat: &Numstat) -> Vec<String> {
    numstat.iter().map(|(path, lines)| format!("{} {lines:?}", String::from_utf8_lossy(path))).collect()
}

/// The content of the fenced block under the heading `## name`, if the context has one.
pub fn section<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let heading = format!("\n## {name}\n\n");
    let start = text.find(&heading)? + heading.len();
    fenced(&text[start..])
}

/// The content of the first fenced block of `text`.
pub fn fenced(text: &str) -> Option<&str> {
    let start = if text.starts_with("```") { 0 } else { text.find("\n```")? + 1 };
    let text = &text[start..];
    let fence: String = text.chars().take_while(|c| *c == '`').collect();
    assert!(fence.len() >= 3, "no fence: {text:.80}");
    let content = &text[text.find('\n')? + 1..];
    if content.starts_with(&fence) {
        return Some("");
    }
    Some(&content[..content.find(&format!("\n{fence}\n"))? + 1])
}

/// What `git diff` writes, in the form that the crate's patches have.
pub fn diff_at(directory: &Path, arguments: &[&str]) -> String {
    let mut all =
        vec!["-c", "core.quotePath=false", "diff", "--no-renames", "--no-ext-diff", "--no-textconv"];
    all.extend(["--abbrev=7", "--diff-algorithm=default", "--no-color", "--submodule=short"]);
    all.extend(arguments);
    let output = git_at(directory, &all, b"");
    assert!(output.status.success(), "git failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Applies `patch` to a copy of the tree or index `from`. Returns the resulting tree.
#[track_caller]
pub fn apply(directory: &Path, from: Option<&str>, patch: &str) -> String {
    let scratch = TempDir::new().unwrap();
    let index = scratch.path().join("index");
    match from {
        Some(tree) => {
            let variables = [("GIT_INDEX_FILE", index.as_os_str())];
            let read = git_with(directory, &["read-tree", tree], b"", &variables);
            assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        }
        None => drop(fs::copy(directory.join(".git/index"), &index).unwrap()),
    }
    let variables = [("GIT_INDEX_FILE", index.as_os_str())];
    for arguments in [&["apply", "--check", "--cached"][..], &["apply", "--cached", "--whitespace=nowarn"]] {
        let applied = git_with(directory, arguments, patch.as_bytes(), &variables);
        let said = String::from_utf8_lossy(&applied.stderr).into_owned();
        assert!(applied.status.success(), "git does not accept the patch: {said}\n{patch}");
    }
    let tree = git_with(directory, &["write-tree"], b"", &variables);
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    String::from_utf8(tree.stdout).unwrap().trim().to_owned()
}

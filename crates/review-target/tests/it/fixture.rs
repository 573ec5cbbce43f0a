//! Repositories made by the machine's git, shut off from the settings of whoever runs the tests.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use codex_review_target::{ConfigScope, Error, ResolveOptions, Scope, Target, resolve};
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

    /// A path beside the work tree, for what must lie outside of it.
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

    /// Adds everything and commits it; gives the commit's id.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs git in the work tree, expects success, gives its output without the last line end.
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
    pub fn target(&self, scope: Scope) -> Target {
        self.resolve(ResolveOptions::new().scope(scope)).unwrap()
    }
}

pub fn git_at(folder: &Path, arguments: &[impl AsRef<OsStr>], input: &[u8]) -> Output {
    use std::io::Write as _;
    let mut child = Command::new("git")
        .args(["-c", "protocol.file.allow=always", "-c", "commit.gpgSign=false"])
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.com")
        .env("GIT_AUTHOR_DATE", "2024-01-02T03:04:05Z")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.com")
        .env("GIT_COMMITTER_DATE", "2024-01-02T03:04:05Z")
        .env("GIT_TERMINAL_PROMPT", "0")
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

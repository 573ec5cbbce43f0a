//! Repositories to measure on, made once and kept under the workspace's `target/`.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Raise it when a generator changes: what was made before is made anew.
const VERSION: u32 = 1;

/// Runs git to its end and gives what it printed.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = command(folder, arguments).stdin(Stdio::null()).output().expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A git that sees nothing of the user's configuration.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").expect("PATH is set"))
        .env("HOME", folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    command
}

/// 20 files, 2 of them changed.
pub(crate) fn small() -> PathBuf {
    made("small", |folder| {
        let files = (0..20).map(|at| (format!("src/file-{at}.rs"), lines(at, 100)));
        import(folder, "refs/heads/main", "first", files, None);
        check_out(folder);
        for at in [3, 11] {
            fs::write(folder.join(format!("src/file-{at}.rs")), lines(at, 103)).expect("writable");
        }
    })
}

/// 50,000 files in 2,500 folders, 3 of them changed, and 200 untracked.
pub(crate) fn large() -> PathBuf {
    made("large", |folder| {
        let name = |at: u64| format!("part-{}/group-{}/file-{at}.rs", at / 1000, at / 20 % 50);
        import(folder, "refs/heads/main", "first", (0..50_000).map(|at| (name(at), lines(at, 8))), None);
        check_out(folder);
        for at in [7, 25_000, 49_999] {
            fs::write(folder.join(name(at)), lines(at, 11)).expect("writable");
        }
        for at in 0..200 {
            let beside = format!("part-{}/group-{}/untracked-{at}.rs", at % 50, at % 47);
            fs::write(folder.join(beside), lines(at, 20)).expect("writable");
        }
    })
}

/// 2,000 changed files whose patches are 200 MB together.
pub(crate) fn big_diff() -> PathBuf {
    made("big-diff", |folder| {
        let name = |at: u64| format!("data-{}/file-{at}.txt", at / 100);
        import(folder, "refs/heads/main", "first", (0..2000).map(|at| (name(at), lines(at, 1250))), None);
        check_out(folder);
        for at in 0..2000 {
            fs::write(folder.join(name(at)), lines(at + 100_000, 1250)).expect("writable");
        }
    })
}

/// One changed file of 200 MB.
pub(crate) fn big_file() -> PathBuf {
    made("big-file", |folder| {
        let content = lines(1, 5_000_000);
        let mut changed = content.clone();
        changed.truncate(200 << 20);
        import(folder, "refs/heads/main", "first", std::iter::once(("big.txt".into(), content)), None);
        check_out(folder);
        changed[100 << 20..(100 << 20) + 9].copy_from_slice(b"changed!\n");
        fs::write(folder.join("big.txt"), changed).expect("writable");
    })
}

/// 10,000 untracked files of 2 KB.
pub(crate) fn untracked() -> PathBuf {
    made("untracked", |folder| {
        import(folder, "refs/heads/main", "first", std::iter::once(("a.txt".into(), lines(0, 10))), None);
        check_out(folder);
        for at in 0..10_000_u64 {
            let sub = folder.join(format!("new-{}", at / 100));
            fs::create_dir_all(&sub).expect("writable");
            let mut content = lines(at, 60);
            content.truncate(2048);
            fs::write(sub.join(format!("file-{at}.txt")), content).expect("writable");
        }
    })
}

/// A branch of 5,000 commits that changes 300 of 1,000 files.
pub(crate) fn branch() -> PathBuf {
    made("branch", |folder| {
        let name = |at: u64| format!("src/part-{}/file-{at}.rs", at / 50);
        import(folder, "refs/heads/main", "first", (0..1000).map(|at| (name(at), lines(at, 200))), None);
        let mut stream = Vec::new();
        for commit in 0..5000_u64 {
            let at = commit * 7 % 300;
            let mut content = lines(at, 200);
            content.extend(lines(commit, 5));
            let from = (commit == 0).then_some("refs/heads/main^0");
            let file = std::iter::once((name(at), content));
            append(&mut stream, "refs/heads/topic", &format!("commit {commit}"), file, from);
        }
        run_import(folder, &stream);
        git(folder, &["symbolic-ref", "HEAD", "refs/heads/topic"]);
        check_out(folder);
    })
}

fn made(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let folder = target().join(format!("tmp/review-target-{VERSION}")).join(name);
    let done = folder.join(".git/made-for-the-bench");
    if !done.exists() {
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("what an earlier run left can be removed");
        }
        fs::create_dir_all(&folder).expect("the target folder is writable");
        git(&folder, &["init", "--quiet", "--initial-branch=main"]);
        make(&folder);
        // git takes files as old as the index for possibly changed and reads them again: let both age.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        git(&folder, &["status"]);
        fs::write(done, "").expect("writable");
    }
    folder
}

/// The target folder: ours is the program that runs, in `target/PROFILE` or `target/PROFILE/deps`.
fn target() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows where it is");
    let built = program.ancestors().skip(1).find(|folder| !folder.ends_with("deps")).expect("cargo built it");
    built.parent().expect("profiles have a folder each").to_path_buf()
}

fn check_out(folder: &Path) {
    git(folder, &["reset", "--quiet", "--hard"]);
}

/// Numbered lines of about 40 bytes, other ones for each `seed`.
fn lines(seed: u64, count: u64) -> Vec<u8> {
    let mut text = String::new();
    for at in 0..count {
        let mixed = (seed << 32 | at).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        _ = writeln!(text, "    let value_{at} = {mixed:#018x};");
    }
    text.into_bytes()
}

fn import(
    folder: &Path,
    branch: &str,
    message: &str,
    files: impl Iterator<Item = (String, Vec<u8>)>,
    from: Option<&str>,
) {
    let mut stream = Vec::new();
    append(&mut stream, branch, message, files, from);
    run_import(folder, &stream);
}

fn append(
    stream: &mut Vec<u8>,
    branch: &str,
    message: &str,
    files: impl Iterator<Item = (String, Vec<u8>)>,
    from: Option<&str>,
) {
    let who = "Ada <ada@example.com> 1700000000 +0000";
    let length = message.len();
    _ = writeln!(stream, "commit {branch}\ncommitter {who}\ndata {length}\n{message}");
    if let Some(from) = from {
        _ = writeln!(stream, "from {from}");
    }
    for (name, content) in files {
        _ = writeln!(stream, "M 100644 inline {name}\ndata {}", content.len());
        stream.extend_from_slice(&content);
        stream.push(b'\n');
    }
    stream.push(b'\n');
}

fn run_import(folder: &Path, stream: &[u8]) {
    let mut child =
        command(folder, &["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().expect("git runs");
    child.stdin.take().expect("it was piped").write_all(stream).expect("git reads its input");
    assert!(child.wait().expect("git ends").success());
}

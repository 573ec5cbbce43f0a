//! The programs under `examples/`, run as their readers would.

use std::process::Command;

use codex_testkit::git::Repo;
use codex_testkit::program::example;

fn run(name: &str, repo: &Repo) -> (String, String) {
    let mut command = Command::new(example(env!("CARGO_MANIFEST_DIR"), name));
    let output = command.arg(repo.path()).output().expect("the example starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn size_prints_the_size_and_a_recommendation() {
    let repo = Repo::with_commit();
    repo.write("a.txt", "one\ntwo\n").write("b.txt", "new\n");
    let (stdout, _) = run("size", &repo);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{stdout}");
    assert!(lines[1].contains("1 unstaged, 1 untracked"), "{stdout}");
    assert!(lines[2].starts_with("Foreground: "), "{stdout}");
}

#[test]
fn context_prints_patches_and_untracked_files() {
    let repo = Repo::with_commit();
    repo.write("a.txt", "one\ntwo\n").write("b.txt", "new\n");
    let (stdout, stderr) = run("context", &repo);
    assert!(stdout.contains("\n+two\n") && stdout.contains("b.txt"), "{stdout}");
    assert!(stderr.contains("(2 shown, 0 summarised, 0 left out)"), "{stderr}");
}

//! The search for the top of a work tree, compared with git's own.

use std::fs;
use std::path::{Path, PathBuf};

use codex_review_target::work_tree_root;

use crate::fixture::{Fixture, git_at};

/// git's answer: `None` where it finds no work tree.
fn git_root(directory: &Path) -> Option<PathBuf> {
    let output = git_at(directory, &["rev-parse", "--show-toplevel"], b"");
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| PathBuf::from(text.trim_end()))
}

#[track_caller]
fn check(directory: &Path, expected: Option<&Path>) {
    let expected = expected.map(|path| path.canonicalize().unwrap());
    assert_eq!(work_tree_root(directory), expected, "{}", directory.display());
}

/// As [`check`], and git agrees.
#[track_caller]
fn check_like_git(directory: &Path, expected: Option<&Path>) {
    check(directory, expected);
    assert_eq!(git_root(directory), expected.map(|path| path.canonicalize().unwrap()));
}

#[test]
fn the_root_is_found_from_any_directory() {
    let fixture = Fixture::committed();
    fixture.write("deep/er/file", "x");
    let root = fixture.root().to_owned();
    check_like_git(&root, Some(&root));
    check_like_git(&fixture.path("deep/er"), Some(&root));
    fixture.git(&["checkout", "--quiet", "--detach"]);
    check_like_git(&fixture.path("deep"), Some(&root));
    check(&fixture.path("no/such/directory"), None);
    check(&fixture.path("deep/er/file"), None);
}

#[test]
fn unborn_linked_and_nested_work_trees_are_found() {
    let outside = tempfile::tempdir().unwrap();
    assert_eq!(work_tree_root(outside.path()), git_root(outside.path()));
    let unborn = outside.path().join("unborn");
    fs::create_dir(&unborn).unwrap();
    git_at(&unborn, &["init", "--quiet"], b"");
    check_like_git(&unborn, Some(&unborn));

    let fixture = Fixture::committed();
    let linked = outside.path().join("linked");
    fixture.git(&["worktree", "add", "--quiet", linked.to_str().unwrap()]);
    assert!(linked.join(".git").is_file());
    check_like_git(&linked, Some(&linked));
    let nested = fixture.path("nested");
    fs::create_dir_all(nested.join("sub")).unwrap();
    git_at(&nested, &["init", "--quiet"], b"");
    check_like_git(&nested.join("sub"), Some(&nested));
}

/// e16: a directory with the layout of a bare repository is not a work tree, whatever its configuration says.
#[test]
fn e16_a_bare_layout_inside_a_work_tree_is_ignored() {
    let fixture = Fixture::committed();
    let sub = fixture.path("sub");
    fs::create_dir(&sub).unwrap();
    git_at(&sub, &["init", "--quiet", "--bare"], b"");
    fs::write(sub.join("config"), "[core]\n\tbare = false\n\tworktree = .\n").unwrap();
    assert!(sub.join("HEAD").is_file());
    check(&sub, Some(fixture.root()));
    check(&sub.join("refs"), Some(fixture.root()));
}

/// e22: Codex's sandbox can leave an empty `.git` directory.
#[test]
fn e22_a_git_directory_without_a_repository_is_ignored() {
    let fixture = Fixture::committed();
    let root = fixture.root().to_owned();
    let empty = fixture.path("empty");
    fs::create_dir_all(empty.join(".git")).unwrap();
    check_like_git(&empty, Some(&root));
    fs::write(empty.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
    check_like_git(&empty, Some(&root));
    for name in ["objects", "refs"] {
        fs::create_dir(empty.join(".git").join(name)).unwrap();
    }
    check_like_git(&empty, Some(&empty));
    for head in ["", "ref: nowhere\n", "0123\n", &"z".repeat(40)] {
        fs::write(empty.join(".git/HEAD"), head).unwrap();
        check_like_git(&empty, Some(&root));
    }
}

/// e22, e39: a `.git` file that leads nowhere. git itself ends with an error there.
#[test]
fn e22_a_git_file_that_leads_nowhere_is_ignored() {
    let fixture = Fixture::committed();
    let root = fixture.root().to_owned();
    let sub = fixture.path("sub");
    fs::create_dir(&sub).unwrap();
    let huge = format!("gitdir: {}\n", "x".repeat(1 << 20));
    for content in ["", "gitdir: ", "gitdir: \n", "gitdir: ../no/such\n", "../.git\n", "gitdir: .\n", &huge] {
        fs::write(sub.join(".git"), content).unwrap();
        check(&sub, Some(&root));
    }
    fs::write(sub.join(".git"), "gitdir: ../.git").unwrap();
    check_like_git(&sub, Some(&sub));
}

#[cfg(unix)]
#[test]
fn e22_links_and_special_files_never_block() {
    use std::os::unix::fs::symlink;
    let fixture = Fixture::committed();
    let root = fixture.root().to_owned();
    let sub = fixture.path("sub");
    fs::create_dir(&sub).unwrap();
    let fifo = |path: &Path| {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    fifo(&sub.join(".git"));
    check(&sub, Some(&root));
    fs::remove_file(sub.join(".git")).unwrap();
    for name in ["objects", "refs"] {
        fs::create_dir_all(sub.join(".git").join(name)).unwrap();
    }
    fifo(&sub.join(".git/HEAD"));
    check(&sub, Some(&root));
    fs::remove_dir_all(sub.join(".git")).unwrap();
    symlink("/proc/self/environ", sub.join(".git")).unwrap();
    check(&sub, Some(&root));
    fs::remove_file(sub.join(".git")).unwrap();
    symlink("../.git", sub.join(".git")).unwrap();
    check_like_git(&sub, Some(&sub));
}

//! Unusual cases, each compared with the real git where git has an answer.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use codex_review_target::{
    Area, ChangeKind, ConfigScope, ErrorKind, FileChange, Form, Measure, MeasureBudget, MeasureOptions,
};
use codex_review_target::{ResolveOptions, TargetScope, measure, resolve};

use crate::fixture::{Fixture, Numstat, assert_as_git_says, git_at, numstat_at, ours};

#[track_caller]
pub fn same(fixture: &Fixture) -> Measure {
    assert_as_git_says(fixture.root()).expect("something differs")
}

#[track_caller]
pub fn clean(fixture: &Fixture) {
    assert!(assert_as_git_says(fixture.root()).is_none(), "nothing differs");
}

#[track_caller]
pub fn file<'m>(measure: &'m Measure, path: &str) -> &'m FileChange {
    let mut found = measure.files.iter().filter(|file| file.path.as_bytes() == path.as_bytes());
    let file = found.next().unwrap_or_else(|| panic!("{path} is listed"));
    assert!(found.next().is_none(), "{path} is listed once");
    file
}

#[test]
fn unborn_head() {
    let fixture = Fixture::new();
    fixture.write("staged", "1\n2\n");
    fixture.write("dir/staged", "1\n");
    fixture.git(&["add", "."]);
    fixture.write("untracked", "1\n");
    fixture.write("staged", "1\n");
    let measure = same(&fixture);
    assert_eq!((measure.staged.files, measure.unstaged.files, measure.untracked.files), (2, 1, 1));
}

#[test]
fn detached_head() {
    let fixture = Fixture::committed();
    fixture.git(&["switch", "--quiet", "--detach"]);
    fixture.write("a.txt", "one\n");
    same(&fixture);
}

#[test]
fn linked_work_tree() {
    let fixture = Fixture::committed();
    let linked = fixture.outside("linked");
    fixture.git(&["worktree", "add", "--quiet", "-b", "other", linked.to_str().unwrap()]);
    fs::write(linked.join("a.txt"), "one\n2\n").unwrap();
    fs::write(linked.join("new"), "x").unwrap();
    fs::write(fixture.path(".git/info/exclude"), "*.log\n").unwrap();
    fs::write(linked.join("x.log"), "ignored by the common rules").unwrap();
    assert_as_git_says(&linked).expect("something differs");
    clean(&fixture);
    // A work tree inside the work tree is a separate repository.
    fixture.git(&["worktree", "add", "--quiet", "-b", "third", "inside"]);
    let measure = same(&fixture);
    assert_eq!(file(&measure, "inside/").form, Form::Repository);
}

/// A repository with the submodule `sub`, one commit each.
fn with_submodule() -> Fixture {
    let fixture = Fixture::committed();
    let inner = fixture.outside("inner");
    fs::create_dir(&inner).unwrap();
    let git = |arguments: &[&str]| assert!(git_at(&inner, arguments, b"").status.success());
    git(&["init", "--quiet", "--initial-branch=main"]);
    fs::write(inner.join("f"), "1\n").unwrap();
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "inner"]);
    fixture.git(&["submodule", "--quiet", "add", inner.to_str().unwrap(), "sub"]);
    fixture.commit("with submodule");
    fixture
}

#[test]
fn submodules() {
    let fixture = with_submodule();
    clean(&fixture);
    fixture.write("sub/untracked", "git diff does not tell of it");
    clean(&fixture);
    fixture.write("sub/f", "1\n2\n");
    let measure = same(&fixture);
    assert_eq!(file(&measure, "sub").form, Form::Submodule);
    let sub = fixture.path("sub");
    for arguments in [&["add", "."][..], &["commit", "--quiet", "-m", "more"]] {
        assert!(git_at(&sub, arguments, b"").status.success());
    }
    same(&fixture);
    fixture.git(&["add", "sub"]);
    let measure = same(&fixture);
    assert_eq!((measure.staged.files, measure.unstaged.files), (1, 0));
    fixture.commit("moved");
    clean(&fixture);
    fixture.git(&["submodule", "--quiet", "deinit", "--force", "sub"]);
    clean(&fixture);
    fs::remove_dir(&sub).unwrap();
    let measure = same(&fixture);
    assert_eq!(file(&measure, "sub").change, ChangeKind::Deleted);
}

#[test]
fn submodules_whose_changes_the_user_ignores() {
    for (ignore, shown) in [("none", true), ("untracked", true), ("dirty", false), ("all", false)] {
        let fixture = with_submodule();
        fixture.git(&["config", "submodule.sub.ignore", ignore]);
        fixture.write("sub/f", "changed\n");
        assert_eq!(assert_as_git_says(fixture.root()).is_some(), shown, "{ignore}");
    }
}

#[test]
fn a_submodule_added_and_removed() {
    let fixture = with_submodule();
    fixture.git(&["rm", "--quiet", "--cached", "sub"]);
    let measure = same(&fixture);
    assert_eq!(measure.staged.deletions, 1);
    assert_eq!(file_in(&measure, "sub/", Area::Untracked).form, Form::Repository);
}

#[track_caller]
fn file_in<'m>(measure: &'m Measure, path: &str, area: Area) -> &'m FileChange {
    let matches = |file: &&FileChange| file.path.as_bytes() == path.as_bytes() && file.area == area;
    measure.files.iter().find(matches).expect("it is listed")
}

#[test]
fn nested_repositories() {
    let fixture = Fixture::committed();
    for name in ["nested", "deep/er/nested", "ignored"] {
        let nested = fixture.path(name);
        fs::create_dir_all(&nested).unwrap();
        assert!(git_at(&nested, &["init", "--quiet"], b"").status.success());
        fs::write(nested.join("file"), "not ours\n").unwrap();
    }
    fixture.write("deep/er/beside", "ours\n");
    fixture.write(".gitignore", "/ignored\n");
    fixture.write("not-one/.git/file", "a directory named .git is not a repository by that alone\n");
    fixture.write("not-one/file", "ours\n");
    let measure = same(&fixture);
    assert_eq!(file(&measure, "nested/").form, Form::Repository);
    assert_eq!(
        file(&measure, "deep/er/nested/").unread.as_deref(),
        Some("a git repository inside the work tree")
    );
}

fn sparse(index: bool) -> Fixture {
    let fixture = Fixture::new();
    for name in ["top", "in/a", "in/b", "out/a", "out/deep/b", "out/deep/er/c", "out2/x"] {
        fixture.write(name, "1\n2\n");
    }
    fixture.write("out/.gitignore", "*.o\n");
    fixture.commit("first");
    let index = format!("--{}sparse-index", if index { "" } else { "no-" });
    fixture.git(&["sparse-checkout", "init", "--cone", &index]);
    fixture.git(&["sparse-checkout", "set", "in"]);
    assert!(!fixture.path("out").exists());
    fixture
}

#[test]
fn sparse_checkout_and_sparse_index() {
    for index in [false, true] {
        let fixture = sparse(index);
        clean(&fixture);
        fixture.write("in/a", "1\n");
        fixture.write("in/new", "1\n");
        same(&fixture);
        // Files outside of the patterns that are there anyway count again.
        fixture.write("out/a", "1\n2\n3\n");
        fixture.write("out/deep/new", "1\n");
        fixture.write("out/deep/new.o", "1\n");
        let measure = same(&fixture);
        assert_eq!(file(&measure, "out/a").insertions, Some(1), "sparse index: {index}");
        fixture.git(&["config", "sparse.expectFilesOutsideOfPatterns", "true"]);
        fs::remove_dir_all(fixture.path("out")).unwrap();
        same(&fixture);
    }
}

#[test]
fn staged_changes_in_a_sparse_index() {
    let fixture = sparse(true);
    let blob = String::from_utf8(git_at(fixture.root(), &["hash-object", "-w", "--stdin"], b"new\n").stdout);
    let info = format!("100644,{},out/deep/b", blob.unwrap().trim());
    fixture.git(&["update-index", "--cacheinfo", &info]);
    fixture.git(&["update-index", "--skip-worktree", "out/deep/b"]);
    let measure = same(&fixture);
    assert_eq!((measure.staged.files, measure.staged.insertions, measure.staged.deletions), (1, 1, 2));
    // A directory that is closed in the index and other than in HEAD.
    fixture.git(&["commit", "--quiet", "-m", "second"]);
    fixture.git(&["sparse-checkout", "reapply"]);
    fixture.git(&["reset", "--quiet", "--soft", "HEAD~1"]);
    same(&fixture);
}

#[test]
fn skip_worktree_and_assume_unchanged_by_hand() {
    let fixture = Fixture::committed();
    fixture.write("b.txt", "1\n");
    fixture.write("c.txt", "1\n");
    fixture.commit("second");
    fixture.git(&["update-index", "--skip-worktree", "a.txt"]);
    fixture.git(&["update-index", "--assume-unchanged", "b.txt"]);
    fixture.write("a.txt", "changed\n");
    fixture.write("b.txt", "changed\n");
    clean(&fixture);
    fixture.remove("a.txt");
    fixture.remove("b.txt");
    clean(&fixture);
    fixture.remove("c.txt");
    same(&fixture);
}

#[test]
fn conflicted_index() {
    let fixture = Fixture::new();
    for name in ["both", "ours-gone", "theirs-gone", "same"] {
        fixture.write(name, "1\n2\n3\n");
    }
    fixture.commit("base");
    fixture.git(&["switch", "--quiet", "-c", "theirs"]);
    fixture.write("both", "1\ntheirs\n3\n");
    fixture.write("ours-gone", "1\ntheirs\n3\n");
    fixture.remove("theirs-gone");
    fixture.write("added", "theirs\n");
    fixture.commit("theirs");
    fixture.git(&["switch", "--quiet", "main"]);
    fixture.write("both", "1\nours\n3\n");
    fixture.remove("ours-gone");
    fixture.write("theirs-gone", "1\nours\n3\n");
    fixture.write("added", "ours\n");
    fixture.commit("ours");
    assert!(!git_at(fixture.root(), &["merge", "theirs"], b"").status.success());
    let options = ResolveOptions::new().config(ConfigScope::Repository);
    let target = resolve(fixture.root(), &options).unwrap();
    let measure = measure(&target, &MeasureOptions::new().budget(MeasureBudget::unlimited())).unwrap();
    let conflicts: Vec<&[u8]> = measure.files.iter().map(|file| file.path.as_bytes()).collect();
    assert_eq!(conflicts, [&b"added"[..], b"both", b"ours-gone", b"theirs-gone"]);
    assert!(measure.files.iter().all(|file| file.change == ChangeKind::Conflicted));
    let git = numstat_at(fixture.root(), &[]);
    let mut found = ours(&measure, Area::Unstaged);
    // Where our side has no version, git compares nothing.
    found.insert(b"ours-gone".to_vec(), Some((0, 0)));
    assert_eq!(found, git);
    fixture.remove("both");
    let target = resolve(fixture.root(), &options).unwrap();
    measure_ok(&target);
}

pub fn measure_ok(target: &codex_review_target::Target) -> Measure {
    measure(target, &MeasureOptions::new().budget(MeasureBudget::unlimited())).unwrap()
}

#[test]
fn intent_to_add() {
    let fixture = Fixture::committed();
    fixture.write("new", "1\n2\n");
    fixture.write("gone", "1\n");
    fixture.git(&["add", "--intent-to-add", "new", "gone"]);
    fixture.remove("gone");
    let measure = same(&fixture);
    let new = file(&measure, "new");
    assert_eq!((new.area, new.change, new.insertions), (Area::Unstaged, ChangeKind::Added, Some(2)));
    fixture.git(&["rm", "--quiet", "--cached", "a.txt"]);
    fixture.git(&["add", "--intent-to-add", "a.txt"]);
    same(&fixture);
}

#[test]
fn type_changes() {
    let fixture = Fixture::new();
    for name in ["to-link", "to-directory", "staged-to-link"] {
        fixture.write(name, "content\nof a file\n");
    }
    symlink("to-link", fixture.path("to-file")).unwrap();
    fixture.write("directory/a", "1\n");
    fixture.write("directory/b", "1\n");
    fixture.commit("first");
    for name in ["to-link", "to-directory", "staged-to-link", "to-file"] {
        fixture.remove(name);
    }
    symlink("elsewhere", fixture.path("to-link")).unwrap();
    symlink("elsewhere", fixture.path("staged-to-link")).unwrap();
    fixture.write("to-file", "now a file\n");
    fixture.write("to-directory/inside", "1\n");
    fixture.git(&["add", "staged-to-link"]);
    fs::remove_dir_all(fixture.path("directory")).unwrap();
    fixture.write("directory", "now a file\n");
    let measure = same(&fixture);
    assert_eq!(file(&measure, "to-link").change, ChangeKind::TypeChanged);
    assert_eq!(file(&measure, "to-directory").change, ChangeKind::Deleted);
    assert_eq!(file(&measure, "to-directory/inside").area, Area::Untracked);
}

#[test]
fn a_directory_that_became_a_link_is_not_entered() {
    let fixture = Fixture::committed();
    fixture.write("dir/file", "1\n");
    fixture.commit("second");
    let outside = fixture.outside("elsewhere");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "1\n").unwrap();
    fs::write(outside.join("secret"), "1\n").unwrap();
    fs::remove_dir_all(fixture.path("dir")).unwrap();
    symlink(&outside, fixture.path("dir")).unwrap();
    let measure = same(&fixture);
    assert_eq!(file(&measure, "dir/file").change, ChangeKind::Deleted);
    assert_eq!(file(&measure, "dir").form, Form::Link);
}

#[test]
fn mode_changes() {
    let fixture = Fixture::committed();
    fixture.write("b", "1\n");
    fixture.commit("second");
    fs::set_permissions(fixture.path("a.txt"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(fixture.path("b"), fs::Permissions::from_mode(0o755)).unwrap();
    fixture.git(&["add", "b"]);
    let measure = same(&fixture);
    let changed = file(&measure, "a.txt");
    assert_eq!((changed.change, changed.insertions, changed.hunks), (ChangeKind::Modified, Some(0), Some(0)));
    fixture.git(&["config", "core.fileMode", "false"]);
    assert_eq!(same(&fixture).unstaged.files, 0);
}

#[test]
fn renames_are_a_deletion_and_an_addition() {
    let fixture = Fixture::committed();
    fixture.git(&["mv", "a.txt", "renamed.txt"]);
    let measure = same(&fixture);
    assert_eq!((measure.total.files, measure.total.insertions, measure.total.deletions), (2, 3, 3));
}

#[test]
fn hostile_names() {
    let fixture = Fixture::new();
    let names: &[&[u8]] = &[
        b"new\nline",
        b"tab\there",
        b"quote\"d",
        b"back\\slash",
        b"esc\x1b[31m",
        b"-rf",
        b"--output=x",
        b" leading and trailing ",
        b"caf\xc3\xa9",
        b"latin\xe9",
        b"*?[glob]",
        b":(top)magic",
        b"#hash",
        b"!bang",
        b"$(touch pwned)",
        b"dir\nwith/newline",
        b"...",
        b"a:b",
    ];
    for name in names {
        fixture.write(OsStr::from_bytes(name), "1\n");
    }
    same(&fixture);
    fixture.commit("first");
    clean(&fixture);
    for name in names {
        fixture.write(OsStr::from_bytes(name), "1\n2\n");
    }
    let measure = same(&fixture);
    assert_eq!(measure.unstaged.files, names.len() as u64);
    assert!(measure.files.iter().all(|file| !file.path.to_string().contains(['\n', '\x1b', '\t'])));
}

#[test]
fn names_of_the_maximum_length() {
    let fixture = Fixture::committed();
    // 16 directories of 250 bytes: with the path of the work tree before it, longer than a path may be.
    let directories = vec!["d".repeat(250); 16];
    let mut at = fixture.root().to_owned();
    let long = format!("{}/{}", directories.join("/"), "f".repeat(60));
    assert!(long.len() > 4050 && long.len() < 4096);
    let script = directories
        .iter()
        .map(|directory| format!("mkdir {directory} && cd {directory} && "))
        .collect::<String>();
    let done = std::process::Command::new("sh")
        .args(["-c", &format!("{script}printf '1\\n' >{}", "f".repeat(60))])
        .current_dir(&at)
        .status();
    assert!(done.unwrap().success());
    same(&fixture);
    fixture.git(&["add", "."]);
    same(&fixture);
    fixture.git(&["commit", "--quiet", "-m", "long"]);
    clean(&fixture);
    at.push(&directories[0]);
    fs::rename(&at, fixture.path("moved")).unwrap();
    same(&fixture);
}

#[test]
fn d18_names_are_right_and_links_are_never_followed() {
    let fixture = Fixture::committed();
    fixture.write("gr\u{fc}\u{df}e.txt", "hallo\n");
    fixture.write("\u{65e5}\u{672c}\u{8a9e}/\u{1f980}.rs", "fn main() {}\n");
    let secret = fixture.outside("secret");
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("key"), "hunter2\n").unwrap();
    symlink(secret.join("key"), fixture.path("to-file")).unwrap();
    symlink(&secret, fixture.path("to-directory")).unwrap();
    symlink("a.txt", fixture.path("inside")).unwrap();
    symlink("nowhere", fixture.path("dangling")).unwrap();
    symlink("loop", fixture.path("loop")).unwrap();
    symlink("..", fixture.path("up")).unwrap();
    let measure = same(&fixture);
    assert_eq!(measure.untracked.files, 8);
    for name in ["to-file", "to-directory", "inside", "dangling", "loop", "up"] {
        assert_eq!(file(&measure, name).form, Form::Link);
    }
    assert_eq!(file(&measure, "loop").size, Some(4), "the size is that of the target's name");
    assert_eq!(file(&measure, "gr\u{fc}\u{df}e.txt").insertions, Some(1));
    fixture.commit("links");
    fixture.remove("inside");
    symlink("dangling", fixture.path("inside")).unwrap();
    let measure = same(&fixture);
    assert_eq!((file(&measure, "inside").insertions, file(&measure, "inside").deletions), (Some(1), Some(1)));
}

#[test]
fn fifos_sockets_and_devices_are_never_opened() {
    let fixture = Fixture::committed();
    let fifo = |name: &str| {
        let made = std::process::Command::new("mkfifo").arg(fixture.path(name)).status();
        assert!(made.unwrap().success());
    };
    fifo("fifo");
    fifo(".gitignore"); // It would block for ever.
    // Only root can make a device, and not everywhere.
    drop(std::process::Command::new("mknod").arg(fixture.path("device")).args(["c", "1", "3"]).output());
    let _socket = std::os::unix::net::UnixListener::bind(fixture.path("socket")).unwrap();
    fixture.write("beside", "1\n");
    let options = ResolveOptions::new().config(ConfigScope::Repository);
    let measure = measure_ok(&resolve(fixture.root(), &options).unwrap());
    assert_eq!(measure.total.files, 1);
    fixture.remove(".gitignore");
    fixture.remove("a.txt");
    fifo("a.txt");
    let measure = measure_ok(&resolve(fixture.root(), &options).unwrap());
    assert_eq!(file(&measure, "a.txt").form, Form::Special);
    assert_eq!(file(&measure, "a.txt").change, ChangeKind::TypeChanged);
}

#[test]
fn ignored_files_are_never_read() {
    let fixture = Fixture::new();
    fixture.write(".gitignore", "*.log\n/build/\n!keep.log\nsecret\n\\#odd\ntrailing\\ \n**/gen/*.c\n");
    fixture.write("sub/.gitignore", "!*.log\n*.tmp\n/only-here\n");
    fs::write(fixture.path(".git/info/exclude"), "*.swp\n!important.tmp\n").unwrap();
    let user = fixture.outside("user-ignore");
    fs::write(&user, "*.bak\n!sub/\n").unwrap();
    fixture.git(&["config", "core.excludesFile", user.to_str().unwrap()]);
    for name in [
        "a.log",
        "keep.log",
        "build/out",
        "build/keep.log",
        "x/build/out",
        "secret",
        "x/secret/file",
        "#odd",
        "trailing ",
        "gen/a.c",
        "x/gen/a.c",
        "x/gen/y/a.c",
        "sub/a.log",
        "sub/a.tmp",
        "sub/important.tmp",
        "sub/only-here",
        "sub/x/only-here",
        "b.swp",
        "b.bak",
        "sub/b.bak",
        "plain",
        "a/b/c/d/e.log",
    ] {
        fixture.write(name, "1\n");
    }
    same(&fixture);
    // Tracked files in an ignored directory count; untracked files next to them do not.
    fixture.git(&["add", "--force", "build/out"]);
    fixture.write("build/beside", "1\n");
    same(&fixture);
    fixture.commit("first");
    fixture.write("build/out", "2\n");
    fixture.write("build/sub/beside", "2\n");
    fixture.remove(".gitignore");
    same(&fixture);
}

#[test]
fn an_unreadable_index_or_object_is_an_error() {
    let fixture = Fixture::committed();
    fixture.write("a.txt", "changed\n");
    let index = fs::read(fixture.path(".git/index")).unwrap();
    let options = ResolveOptions::new().config(ConfigScope::Repository);
    for at in (0..index.len()).step_by(3) {
        let mut broken = index.clone();
        broken[at] ^= 0x55;
        fs::write(fixture.path(".git/index"), &broken).unwrap();
        let error = resolve(fixture.root(), &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at}: {error}");
        assert!(error.hint().is_some());
        fs::write(fixture.path(".git/index"), &index[..at]).unwrap();
        let error = resolve(fixture.root(), &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "cut at {at}: {error}");
    }
    fs::write(fixture.path(".git/index"), &index).unwrap();
    let target = resolve(fixture.root(), &options).unwrap();
    let blob = fixture.git(&["rev-parse", "HEAD:a.txt"]);
    let object = fixture.path(format!(".git/objects/{}/{}", &blob[..2], &blob[2..]));
    fs::set_permissions(&object, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&object, b"nonsense").unwrap();
    let broken = measure(&target, &MeasureOptions::new().budget(MeasureBudget::unlimited())).unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::Corrupt, "{broken}");
    fs::remove_file(&object).unwrap();
    let missing = measure(&target, &MeasureOptions::new()).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Corrupt, "{missing}");
    let tree = fixture.git(&["rev-parse", "HEAD^{tree}"]);
    fs::remove_file(fixture.path(format!(".git/objects/{}/{}", &tree[..2], &tree[2..]))).unwrap();
    fixture.git(&["update-index", "--force-remove", "a.txt"]);
    assert_eq!(resolve(fixture.root(), &options).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn sha_256_repositories() {
    let fixture = Fixture::with_init(&["--object-format=sha256"]);
    fixture.write("a", "1\n");
    fixture.write("dir/b", "1\n");
    fixture.commit("first");
    clean(&fixture);
    fixture.write("a", "1\n2\n");
    fixture.write("c", "1\n");
    fixture.git(&["rm", "--quiet", "dir/b"]);
    same(&fixture);
    fixture.commit("second");
    let target = fixture.resolve(ResolveOptions::new().base("HEAD~1")).unwrap();
    assert_eq!(target.head().unwrap().to_string().len(), 64);
    assert_eq!(ours(&measure_ok(&target), Area::Committed), numstat_at(fixture.root(), &["HEAD~1", "HEAD"]));
}

#[test]
fn other_forms_of_the_index() {
    for arguments in [
        &["update-index", "--index-version", "4"][..],
        &["update-index", "--split-index"],
        &["update-index", "--untracked-cache"],
        &["-c", "index.skipHash=true", "update-index", "--force-write-index"],
        &["-c", "index.threads=2", "update-index", "--force-write-index"],
    ] {
        let fixture = Fixture::new();
        for at in 0..50 {
            fixture.write(format!("dir{}/file{at}", at % 7), "1\n");
        }
        fixture.commit("first");
        fixture.git(arguments);
        clean(&fixture);
        fixture.write("dir3/file3", "1\n2\n");
        fixture.write("dir3/new", "1\n2\n");
        fixture.git(&["rm", "--quiet", "dir4/file4"]);
        same(&fixture);
    }
}

#[test]
fn no_index_at_all() {
    let fixture = Fixture::committed();
    fs::remove_file(fixture.path(".git/index")).unwrap();
    let measure = same(&fixture);
    assert_eq!((measure.staged.files, measure.untracked.files), (1, 1));
}

#[test]
fn d36_configuration_that_git_shows_by_has_no_effect() {
    let fixture = Fixture::committed();
    fixture.write("gr\u{fc}n.txt", "1\n");
    fixture.commit("second");
    fixture.write("a.txt", "one\n2\nthree\n");
    fixture.write("gr\u{fc}n.txt", "2\n");
    let before = format!("{:?}", same(&fixture).files);
    for (key, value) in [
        ("color.ui", "always"),
        ("color.diff", "always"),
        ("core.pager", "touch pwned"),
        ("diff.external", "touch pwned"),
        ("core.quotePath", "true"),
        ("diff.noprefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("diff.context", "0"),
        ("diff.renames", "copies"),
        ("diff.algorithm", "patience"),
        ("core.fsmonitor", "touch pwned"),
        ("core.hooksPath", "/nonexistent"),
        ("status.showUntrackedFiles", "no"),
    ] {
        fixture.git(&["config", key, value]);
    }
    let target = fixture.target(TargetScope::WorkingTree);
    assert_eq!(format!("{:?}", measure_ok(&target).files), before);
    assert!(!fixture.path("pwned").exists());
}

#[test]
fn names_that_differ_only_in_case() {
    let fixture = Fixture::committed();
    fixture.write("A.TXT", "1\n");
    let measure = same(&fixture);
    assert_eq!(measure.untracked.files, 1);
    // On a file system that folds case, the name on disk is the tracked file.
    fixture.git(&["config", "core.ignoreCase", "true"]);
    let target = fixture.resolve(ResolveOptions::new().scope(TargetScope::WorkingTree));
    assert_eq!(target.unwrap_err().kind(), ErrorKind::NothingToReview);
}

#[test]
fn branches_and_single_commits() {
    let fixture = Fixture::new();
    for name in ["a", "b", "dir/c", "dir/deep/d", "z"] {
        fixture.write(name, "1\n2\n3\n");
    }
    fixture.commit("first");
    fixture.git(&["switch", "--quiet", "-c", "topic"]);
    fixture.write("a", "1\n3\n");
    fixture.remove("b");
    fixture.write("dir/deep/new", "x");
    fs::remove_dir_all(fixture.path("dir/deep")).unwrap();
    fixture.write("dir/deep", "a file now\n");
    fixture.commit("second");
    fixture.write("z", "1\n2\n3\n4");
    fixture.commit("third");
    fixture.git(&["switch", "--quiet", "main"]);
    fixture.write("main-only", "1\n");
    fixture.commit("main goes on");
    fixture.git(&["switch", "--quiet", "topic"]);
    let against = fixture.target(TargetScope::Auto);
    assert_eq!(ours(&measure_ok(&against), Area::Committed), numstat_at(fixture.root(), &["main...topic"]));
    let commit = fixture.resolve(ResolveOptions::new().commit("HEAD~1")).unwrap();
    assert_eq!(
        ours(&measure_ok(&commit), Area::Committed),
        numstat_at(fixture.root(), &["HEAD~2", "HEAD~1"])
    );
    let root = fixture.resolve(ResolveOptions::new().commit("HEAD~2")).unwrap();
    let empty = fixture.git(&["hash-object", "-t", "tree", "/dev/null"]);
    assert_eq!(ours(&measure_ok(&root), Area::Committed), numstat_at(fixture.root(), &[&empty, "HEAD~2"]));
}

#[test]
fn unknown_extensions_and_broken_repositories_are_refused_clearly() {
    let fixture = Fixture::committed();
    fixture.git(&["config", "core.repositoryFormatVersion", "1"]);
    fixture.git(&["config", "extensions.objectFormat", "sha512"]);
    let error = fixture.resolve(ResolveOptions::new()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported), "{error:?}");
    let empty: &Numstat = &Numstat::new();
    assert!(empty.is_empty());
    let fixture = Fixture::committed();
    fs::write(fixture.path(".git/HEAD"), "nonsense\n").unwrap();
    assert!(fixture.resolve(ResolveOptions::new()).is_err());
    assert!(Path::new(fixture.root()).exists());
}

#[test]
fn a_damaged_large_index_never_panics() {
    // The checksum of an index of this size is not verified, as in git: it would take longer than reading the index.
    let fixture = Fixture::committed();
    let blob = fixture.git(&["rev-parse", "HEAD:a.txt"]);
    let entries: String =
        (0..14_000).map(|at| format!("100644 {blob}\tpart-{}/file-number-{at:08}\n", at / 100)).collect();
    let added = git_at(fixture.root(), &["update-index", "--index-info"], entries.as_bytes());
    assert!(added.status.success());
    fixture.git(&["write-tree"]);
    let path = fixture.path(".git/index");
    let index = fs::read(&path).unwrap();
    assert!(index.len() > 1 << 20);
    let options = ResolveOptions::new().config(ConfigScope::Repository);
    let places =
        (0..12).chain((12..index.len()).step_by(index.len() / 30)).chain(index.len() - 3000..index.len());
    for at in places.step_by(37) {
        for damage in [0xff, 0x01, 0x80] {
            let mut broken = index.clone();
            broken[at] ^= damage;
            fs::write(&path, &broken).unwrap();
            if let Err(error) = resolve(fixture.root(), &options) {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at}: {error:?}");
            }
        }
    }
}

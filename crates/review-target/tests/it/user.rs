//! Behaviour that depends on the user and the environment variables. Each test runs in its own process, which is this
//! test binary again with one of the ignored tests.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use codex_review_target::{
    CollectOptions, ErrorKind, Measure, MeasureBudget, MeasureOptions, ResolveOptions, TargetScope,
};
use codex_review_target::{collect, measure, resolve};

use crate::fixture::Fixture;

/// Anybody who is not the one that runs the tests.
const STRANGER: u32 = 65_534;

/// Runs an ignored test of this module on the fixture.
#[track_caller]
fn again(fixture: &Fixture, name: &str, variables: &[(&str, &Path)], user: Option<u32>) {
    let program = fixture.outside("tests");
    // Copied by another process: a child that a test of another thread starts meanwhile would hold the file open for
    // writing, and nothing that is written to can be run.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status().unwrap();
    assert!(copied.success());
    let mut command = Command::new(&program);
    command.args(["--exact", "--ignored", &format!("user::{name}")]).current_dir("/");
    command.env("FIXTURE", fixture.root()).envs(variables.iter().copied());
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    let output = command.output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn given() -> PathBuf {
    std::env::var_os("FIXTURE").expect("these tests are run by others").into()
}

fn measured(directory: &Path) -> Measure {
    let target = resolve(directory, &ResolveOptions::new().scope(TargetScope::WorkingTree)).unwrap();
    measure(&target, &MeasureOptions::new().budget(MeasureBudget::unlimited())).unwrap()
}

fn names(measure: &Measure) -> Vec<String> {
    measure.files.iter().map(|file| file.path.to_string()).collect()
}

#[test]
fn the_ignore_rules_of_the_user_are_used() {
    let fixture = Fixture::committed();
    for name in ["new.txt", "new.bak", "new.swp"] {
        fixture.write(name, "x\n");
    }
    let home = fixture.outside("home");
    fs::create_dir_all(home.join(".config/git")).unwrap();
    fs::write(home.join(".config/git/ignore"), "*.bak\n").unwrap();
    again(&fixture, "sees_all_but_bak", &[("HOME", &home)], None);
    fs::write(home.join(".gitconfig"), "[core]\n\texcludesFile = ~/mine\n").unwrap();
    fs::write(home.join("mine"), "*.swp\n").unwrap();
    again(&fixture, "sees_all_but_swp", &[("HOME", &home)], None);
    let elsewhere = fixture.outside("xdg");
    fs::create_dir_all(elsewhere.join("git")).unwrap();
    fs::write(elsewhere.join("git/ignore"), "*.bak\n").unwrap();
    fs::remove_file(home.join(".gitconfig")).unwrap();
    fs::write(home.join(".config/git/ignore"), "*\n").unwrap();
    again(&fixture, "sees_all_but_bak", &[("HOME", &home), ("XDG_CONFIG_HOME", &elsewhere)], None);
}

#[test]
#[ignore = "run by the_ignore_rules_of_the_user_are_used"]
fn sees_all_but_bak() {
    assert_eq!(names(&measured(&given())), ["new.swp", "new.txt"]);
}

#[test]
#[ignore = "run by the_ignore_rules_of_the_user_are_used"]
fn sees_all_but_swp() {
    assert_eq!(names(&measured(&given())), ["new.bak", "new.txt"]);
}

#[test]
fn variables_that_name_another_repository_have_no_effect() {
    let (fixture, other) = (Fixture::committed(), Fixture::committed());
    fixture.write("a.txt", "changed\n");
    other.write("b.txt", "untracked\n");
    let (git, index) = (other.path(".git"), other.path(".git/index"));
    let variables = [
        ("GIT_DIR", git.as_path()),
        ("GIT_WORK_TREE", other.root()),
        ("GIT_INDEX_FILE", &index),
        ("GIT_OBJECT_DIRECTORY", &git),
        ("GIT_NAMESPACE", Path::new("x")),
        ("HOME", other.root()),
    ];
    again(&fixture, "sees_a_txt", &variables, None);
}

#[test]
#[ignore = "run by variables_that_name_another_repository_have_no_effect"]
fn sees_a_txt() {
    assert_eq!(names(&measured(&given())), ["a.txt"]);
}

fn give_to(user: u32, path: &Path) {
    chown(path, Some(user), Some(user)).unwrap();
    if path.symlink_metadata().unwrap().is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give_to(user, &entry.unwrap().path()));
    }
}

fn is_root(fixture: &Fixture) -> bool {
    fs::metadata(fixture.root()).unwrap().uid() == 0
}

#[test]
fn a_safe_directory_of_another_user_is_opened() {
    let fixture = Fixture::committed();
    if !is_root(&fixture) {
        return; // Only root can give a directory away.
    }
    fixture.write("a.txt", "changed\n");
    fixture.write(".gitattributes", "a.txt filter=evil\n");
    fixture.git(&["config", "filter.evil.clean", "touch pwned; cat"]);
    give_to(STRANGER, fixture.root());
    let home = fixture.outside("home");
    fs::create_dir(&home).unwrap();
    again(&fixture, "is_refused", &[("HOME", &home)], None);
    assert!(!fixture.path("pwned").exists(), "no program of a stranger's repository is run");
    let safe = format!("[safe]\n\tdirectory = {}\n", fixture.root().display());
    fs::write(home.join(".gitconfig"), safe).unwrap();
    again(&fixture, "sees_two_files", &[("HOME", &home)], None);
}

#[test]
#[ignore = "run by a_safe_directory_of_another_user_is_opened"]
fn is_refused() {
    let error = resolve(&given(), &ResolveOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotTrusted);
    let remedy = format!("git config --global --add safe.directory '{}'", given().display());
    assert!(error.hint().unwrap().contains(&remedy), "{:?}", error.hint());
}

#[test]
#[ignore = "run by a_safe_directory_of_another_user_is_opened"]
fn sees_two_files() {
    assert_eq!(names(&measured(&given())), ["a.txt", ".gitattributes"]);
}

#[test]
fn unreadable_files_and_directories_are_reported() {
    let fixture = Fixture::committed();
    for name in ["tracked/file", "open/tracked"] {
        fixture.write(name, "1\n");
    }
    fixture.commit("second");
    fixture.write("a.txt", "changed\n");
    fixture.write("new.txt", "untracked\n");
    fixture.write("closed/inside", "x\n");
    fixture.write("rules/.gitignore", "secret\n");
    fixture.write("rules/secret", "hunter2\n");
    fixture.write("fine.txt", "x\n");
    for (name, mode) in [("a.txt", 0), ("new.txt", 0), ("closed", 0), ("tracked", 0), ("rules/.gitignore", 0)]
    {
        fs::set_permissions(fixture.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let user = is_root(&fixture).then_some(STRANGER);
    if user.is_some() {
        give_to(STRANGER, &fixture.outside(""));
    }
    again(&fixture, "sees_readable_files_only", &[("HOME", &fixture.outside(""))], user);
    for name in ["closed", "tracked"] {
        fs::set_permissions(fixture.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
#[ignore = "run by unreadable_files_and_directories_are_reported"]
fn sees_readable_files_only() {
    let target = resolve(&given(), &ResolveOptions::new()).unwrap();
    let context = collect(&target, &CollectOptions::new()).unwrap();
    let of = |name: &str| {
        context.manifest.files.iter().find(|entry| entry.file.path.as_bytes() == name.as_bytes())
    };
    for name in ["a.txt", "new.txt"] {
        assert_eq!(of(name).unwrap().reason.as_deref(), Some("permission denied"), "{name}");
    }
    assert!(of("fine.txt").unwrap().reason.is_none());
    let mut skipped: Vec<String> =
        context.manifest.skipped.iter().map(|skipped| skipped.path.to_string()).collect();
    skipped.sort();
    assert_eq!(skipped, ["closed/", "rules/.gitignore", "tracked/"]);
    assert!(!context.text.contains("hunter2"), "without its rules nothing of a directory is shown");
    assert!(context.text.contains("closed/: "));
    assert!(context.at_least);
}

//! Random repositories: git and the crate find the same files, lines and patches.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use codex_review_target::{
    Area, CollectOptions, FingerprintOptions, Inclusion, MeasureBudget, MeasureOptions, ResolveOptions,
    TargetScope,
};
use codex_review_target::{collect, fingerprint, measure};
use proptest::prelude::*;

use crate::fixture::{Fixture, apply, assert_as_git_says, diff_at, git_at, numstat_at, ours, section};

const NAMES: &[&str] = &[
    "a",
    "b",
    "dir/a",
    "dir/b",
    "dir/sub/c",
    "dir/sub/deep/d",
    "dir-x",
    "dir.y/e",
    "x.txt",
    "y.lock",
    "out/o.c",
    "gr\u{fc}n",
    "sp ace",
    "q\"t",
    "Z",
];
const LINES: &[&str] = &["", "x", "y", "}", "    return", "fn one() {", "fn two() {", "\t}", "end", "x", "x"];
const RULES: &[&str] =
    &["*.txt", "/out/", "!x.txt", "dir/", "sub", "**/c", "!dir/sub/", "b", "*", "!/a", "dir/*", "!dir/b"];
const ATTRIBUTES: &[&str] = &[
    "*.txt text",
    "*.txt eol=crlf",
    "* text=auto",
    "*.lock -diff",
    "a binary",
    "a diff",
    "dir/* -text",
    "Z ident",
];

#[derive(Clone, Debug)]
enum Step {
    Write { name: usize, lines: Vec<usize>, ending: Ending },
    Binary(usize),
    Delete(usize),
    Rename(usize, usize),
    Executable(usize),
    Link(usize, usize),
    Stage(usize),
    StageAll,
    Unstage(usize),
    Intent(usize),
    Commit,
    Ignore(bool, Vec<usize>),
    Attributes(Vec<usize>),
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Newline,
    None,
    CarriageReturns,
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    let ending = prop_oneof![
        6 => Just(Ending::Newline),
        1 => Just(Ending::None),
        1 => Just(Ending::CarriageReturns),
    ];
    let lines = proptest::collection::vec(0..LINES.len(), 0..40);
    prop_oneof![
        12 => (name(), lines, ending).prop_map(|(name, lines, ending)| Step::Write { name, lines, ending }),
        1 => name().prop_map(Step::Binary),
        3 => name().prop_map(Step::Delete),
        2 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => name().prop_map(Step::Executable),
        1 => (name(), name()).prop_map(|(at, to)| Step::Link(at, to)),
        5 => name().prop_map(Step::Stage),
        2 => Just(Step::StageAll),
        1 => name().prop_map(Step::Unstage),
        1 => name().prop_map(Step::Intent),
        2 => Just(Step::Commit),
        1 => (any::<bool>(), proptest::collection::vec(0..RULES.len(), 0..4))
            .prop_map(|(deep, rules)| Step::Ignore(deep, rules)),
        1 => proptest::collection::vec(0..ATTRIBUTES.len(), 0..3).prop_map(Step::Attributes),
    ]
}

fn run(fixture: &Fixture, step: &Step) {
    // Some steps make no sense where they are; git says so, and that is fine.
    let git = |arguments: &[&str]| drop(git_at(fixture.root(), arguments, b""));
    match step {
        Step::Write { name, lines, ending } => {
            let separator = if matches!(ending, Ending::CarriageReturns) { "\r\n" } else { "\n" };
            let mut content = String::new();
            for (at, line) in lines.iter().enumerate() {
                content.push_str(LINES[*line]);
                if at + 1 < lines.len() || !matches!(ending, Ending::None) {
                    content.push_str(separator);
                }
            }
            make_room(fixture, NAMES[*name]);
            fixture.write(NAMES[*name], content);
        }
        Step::Binary(name) => {
            make_room(fixture, NAMES[*name]);
            fixture.write(NAMES[*name], b"\0binary\n");
        }
        Step::Delete(name) => drop(fs::remove_file(fixture.path(NAMES[*name]))),
        Step::Rename(from, to) => {
            if fixture.path(NAMES[*from]).is_file() && from != to {
                let content = fs::read(fixture.path(NAMES[*from])).unwrap();
                fixture.remove(NAMES[*from]);
                make_room(fixture, NAMES[*to]);
                fixture.write(NAMES[*to], content);
                git(&["add", "--all"]);
            }
        }
        Step::Executable(name) => {
            let path = fixture.path(NAMES[*name]);
            if path.symlink_metadata().is_ok_and(|m| m.is_file()) {
                fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        Step::Link(at, to) => {
            make_room(fixture, NAMES[*at]);
            fs::create_dir_all(fixture.path(NAMES[*at]).parent().unwrap()).unwrap();
            symlink(NAMES[*to], fixture.path(NAMES[*at])).unwrap();
        }
        Step::Stage(name) => git(&["add", "--", NAMES[*name]]),
        Step::StageAll => git(&["add", "--all"]),
        Step::Unstage(name) => git(&["rm", "--quiet", "--cached", "-f", "--", NAMES[*name]]),
        Step::Intent(name) => git(&["add", "--intent-to-add", "--", NAMES[*name]]),
        Step::Commit => git(&["commit", "--quiet", "--allow-empty", "-m", "step"]),
        Step::Ignore(deep, rules) => {
            let name = if *deep { "dir/.gitignore" } else { ".gitignore" };
            make_room(fixture, name);
            fixture.write(name, rules.iter().map(|rule| format!("{}\n", RULES[*rule])).collect::<String>());
        }
        Step::Attributes(rules) => {
            let rules = rules.iter().map(|rule| format!("{}\n", ATTRIBUTES[*rule])).collect::<String>();
            fixture.write(".gitattributes", rules);
            // Whether git notices that a file would be stored otherwise now depends on when it looks, unless the
            // file itself is touched.
            let now = std::time::SystemTime::now() + std::time::Duration::from_secs(2);
            for name in NAMES {
                let path = fixture.path(name);
                if path.symlink_metadata().is_ok_and(|m| m.is_file()) {
                    fs::File::options().write(true).open(path).unwrap().set_modified(now).unwrap();
                }
            }
        }
    }
}

/// Removes anything that is in the place of a new file.
fn make_room(fixture: &Fixture, name: &str) {
    let path = fixture.path(name);
    for above in Path::new(name).ancestors().skip(1).filter(|above| above.file_name().is_some()) {
        let above = fixture.path(above);
        if above.symlink_metadata().is_ok_and(|m| !m.is_dir()) {
            fs::remove_file(above).unwrap();
        }
    }
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

fn everything() -> CollectOptions {
    CollectOptions::new()
        .inline_files(usize::MAX)
        .inline_bytes(u64::MAX)
        .untracked_file_bytes(u64::MAX)
        .untracked_bytes(u64::MAX)
        .max_chars(usize::MAX / 16)
}

/// git's patch without the files that the crate leaves out.
fn without_left_out(patch: &str) -> String {
    let files = patch.split_inclusive('\n').fold(Vec::<String>::new(), |mut files, line| {
        if line.starts_with("diff --git ") {
            files.push(String::new());
        }
        files.last_mut().expect("a patch begins with a file").push_str(line);
        files
    });
    // A file that became something else has two parts.
    let name = |file: &str| file.lines().next().unwrap_or_default().to_owned();
    let binary: Vec<String> =
        files.iter().filter(|file| file.contains("\nBinary files ")).map(|file| name(file)).collect();
    files.into_iter().filter(|file| !binary.contains(&name(file))).collect()
}

fn check_work_tree(fixture: &Fixture) {
    let root = fixture.root();
    let Some(measured) = assert_as_git_says(root) else { return };
    let target = fixture.target(TargetScope::WorkingTree);
    let context = collect(&target, &everything()).unwrap();
    assert_eq!(context.file_count, measured.total.files);
    let mut patch_bytes = 0;
    for (heading, arguments) in [("Staged changes", &["--cached"][..]), ("Unstaged changes", &[])] {
        let found = section(&context.text, heading).unwrap_or_default();
        assert_eq!(found, without_left_out(&diff_at(root, arguments)), "{heading}");
        patch_bytes += found.len() as u64;
    }
    assert_eq!(measured.staged.bytes + measured.unstaged.bytes, patch_bytes, "counted and written");
    let binary = context.manifest.files.iter().any(|file| file.inclusion != Inclusion::Included);
    if let (false, Some(patch)) = (binary, section(&context.text, "Staged changes")) {
        let head = git_at(root, &["rev-parse", "--verify", "--quiet", "HEAD^{tree}"], b"");
        let head = String::from_utf8(head.stdout).unwrap().trim().to_owned();
        let from = if head.is_empty() { empty_tree(fixture) } else { head };
        assert_eq!(apply(root, Some(&from), patch), fixture.git(&["write-tree"]));
    }
    if let Some(patch) = section(&context.text, "Unstaged changes") {
        apply(root, None, patch);
    }
    let first = fingerprint(&target, &FingerprintOptions::new()).unwrap();
    let again = fixture.target(TargetScope::WorkingTree);
    assert_eq!(first, fingerprint(&again, &FingerprintOptions::new().previous(&first)).unwrap());
}

fn empty_tree(fixture: &Fixture) -> String {
    fixture.git(&["hash-object", "-w", "-t", "tree", "/dev/null"])
}

fn check_commits(fixture: &Fixture) {
    let root = fixture.root();
    let commits = git_at(root, &["rev-list", "--max-count=3", "HEAD"], b"");
    let commits = String::from_utf8(commits.stdout).unwrap();
    let Some(oldest) = commits.lines().last() else { return };
    let Ok(target) = fixture.resolve(ResolveOptions::new().base(oldest)) else {
        assert!(numstat_at(root, &[oldest, "HEAD"]).is_empty());
        return;
    };
    let measured = measure(&target, &MeasureOptions::new().budget(MeasureBudget::unlimited())).unwrap();
    assert_eq!(ours(&measured, Area::Committed), numstat_at(root, &[oldest, "HEAD"]));
    let context = collect(&target, &everything()).unwrap();
    let patch = section(&context.text, "Changes").unwrap_or_default();
    assert_eq!(patch, without_left_out(&diff_at(root, &[oldest, "HEAD"])));
    if context.manifest.files.iter().all(|file| file.inclusion == Inclusion::Included) {
        assert_eq!(apply(root, Some(oldest), patch), fixture.git(&["rev-parse", "HEAD^{tree}"]));
    }
}

/// 64 repositories, or as many as `PROPTEST_CASES` says.
fn config() -> ProptestConfig {
    let cases =
        if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 64 };
    ProptestConfig { cases, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn git_agrees_on_random_repositories(steps in proptest::collection::vec(step(), 1..24)) {
        let fixture = Fixture::new();
        for step in &steps {
            run(&fixture, step);
        }
        check_work_tree(&fixture);
        check_commits(&fixture);
    }

    #[test]
    fn no_revision_name_panics(name in "[-a-z0-9@{}~^:./ \u{e9}]{0,24}") {
        let fixture = Fixture::committed();
        drop(fixture.resolve(ResolveOptions::new().base(name)));
    }
}

use codex_review_target::{
    ConfigScope, ErrorKind, ResolveOptions, Target, TargetKind, TargetScope, resolve as resolve_at,
};

use crate::fixture::Fixture;

/// `main` with two commits and `topic`, checked out, with one more.
fn two_branches() -> Fixture {
    let fixture = Fixture::committed();
    fixture.git(&["tag", "-a", "v1", "-m", "version 1"]);
    fixture.git(&["switch", "--quiet", "--create", "topic"]);
    fixture.write("b.txt", "new\n");
    fixture.commit("topic work");
    fixture
}

#[track_caller]
fn base(fixture: &Fixture, base: &str) -> Target {
    fixture.resolve(ResolveOptions::new().base(base)).unwrap()
}

#[track_caller]
fn refused(fixture: &Fixture, options: ResolveOptions, kind: ErrorKind) -> (String, String) {
    let error = fixture.resolve(options).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    (error.to_string(), error.hint().unwrap_or_default().to_owned())
}

#[test]
fn dirty_means_working_tree() {
    let changes: [fn(&Fixture); 4] = [
        |f| f.write("a.txt", "one\n2\nthree\n"),
        |f| f.remove("a.txt"),
        |f| f.write("untracked", ""),
        |f| {
            f.write("staged", "");
            f.git(&["add", "staged"]);
            f.remove("staged");
            f.git(&["update-index", "--skip-worktree", "staged"]);
        },
    ];
    for change in changes {
        let fixture = Fixture::committed();
        change(&fixture);
        let target = fixture.target(TargetScope::Auto);
        assert_eq!(target.kind(), &TargetKind::WorkingTree);
        assert_eq!((target.mode(), target.label().as_str()), ("working-tree", "working tree diff"));
        assert_eq!(target.branch(), Some("main"));
        assert!(!target.explicit());
    }
}

#[test]
fn clean_means_branch_against_the_default() {
    let fixture = two_branches();
    let target = fixture.target(TargetScope::Auto);
    assert_eq!((target.mode(), target.label().as_str()), ("branch", "branch diff against main"));
    let TargetKind::Branch { base_ref, base_commit, merge_base } = target.kind() else { panic!() };
    assert_eq!(base_ref, "main");
    assert_eq!(base_commit.to_string(), fixture.git(&["rev-parse", "main"]));
    assert_eq!(merge_base.to_string(), fixture.git(&["merge-base", "main", "HEAD"]));
    assert_eq!(target.head().unwrap().to_string(), fixture.git(&["rev-parse", "HEAD"]));
    assert_eq!(target.repo_root(), fixture.root());
}

#[test]
fn the_default_branch_is_found_in_order() {
    let fixture = two_branches();
    let first = fixture.git(&["rev-parse", "main"]);
    fixture.git(&["branch", "trunk", "main"]);
    fixture.git(&["branch", "master", "main"]);
    fixture.git(&["update-ref", "refs/remotes/origin/main", &first]);
    fixture.git(&["update-ref", "refs/remotes/origin/develop", &first]);
    assert_eq!(fixture.target(TargetScope::Auto).base_ref(), Some("main"));
    fixture.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/develop"]);
    assert_eq!(fixture.target(TargetScope::Auto).base_ref(), Some("origin/develop"));
    fixture.git(&["update-ref", "-d", "refs/remotes/origin/develop"]);
    assert_eq!(
        fixture.target(TargetScope::Auto).base_ref(),
        Some("main"),
        "a dangling origin/HEAD counts for nothing"
    );
    fixture.git(&["symbolic-ref", "--delete", "refs/remotes/origin/HEAD"]);
    fixture.git(&["branch", "-D", "main"]);
    assert_eq!(fixture.target(TargetScope::Auto).base_ref(), Some("origin/main"), "main before master");
    fixture.git(&["update-ref", "-d", "refs/remotes/origin/main"]);
    assert_eq!(fixture.target(TargetScope::Auto).base_ref(), Some("master"));
    fixture.git(&["branch", "-D", "master"]);
    assert_eq!(fixture.target(TargetScope::Auto).base_ref(), Some("trunk"));
    fixture.git(&["branch", "-D", "trunk"]);
    let (_, hint) = refused(&fixture, ResolveOptions::new(), ErrorKind::NoDefaultBranch);
    assert!(hint.contains("name the base"));
}

#[test]
fn every_way_to_name_a_base() {
    let fixture = two_branches();
    fixture.write("c.txt", "more\n");
    fixture.commit("more topic work");
    let first = fixture.git(&["rev-parse", "main"]);
    fixture.git(&["update-ref", "refs/remotes/origin/main", &first]);
    fixture.git(&["config", "remote.origin.url", "https://example.invalid/x.git"]);
    fixture.git(&["config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"]);
    fixture.git(&["branch", "--quiet", "--set-upstream-to=origin/main"]);
    for name in [
        "main",
        "v1",
        "origin/main",
        "refs/heads/main",
        "HEAD~2",
        "HEAD^^",
        "@~2",
        "@{u}",
        "topic@{upstream}",
        &first,
        &first[..8],
        "HEAD@{2}",
        ":/first",
        "v1^{commit}",
        "@{-1}",
    ] {
        let target = base(&fixture, name);
        assert_eq!(target.base_ref(), Some(name));
        assert!(target.explicit());
        let TargetKind::Branch { base_commit, .. } = target.kind() else { panic!() };
        assert_eq!(base_commit.to_string(), first, "{name}");
    }
}

#[test]
fn a_leading_dash_is_part_of_a_name() {
    let fixture = two_branches();
    let first = fixture.git(&["rev-parse", "main"]);
    for odd in ["-x", "--help", "--output=pwned"] {
        refused(&fixture, ResolveOptions::new().base(odd), ErrorKind::UnknownRevision);
        fixture.git(&["update-ref", &format!("refs/heads/{odd}"), &first]);
        assert_eq!(base(&fixture, odd).label(), format!("branch diff against {odd}"));
    }
    assert!(!fixture.path("pwned").exists());
}

#[test]
fn unknown_names_get_similar_names_as_hints() {
    let fixture = two_branches();
    let refuse = |name: &str| refused(&fixture, ResolveOptions::new().base(name), ErrorKind::UnknownRevision);
    assert_eq!(refuse("mian").1, "did you mean `main`?");
    assert_eq!(refuse("topci~1").1, "did you mean `topic~1`?");
    assert!(refuse("nothing-like-it").1.contains("git branch --all"));
    assert!(refuse("main..topic").0.contains("range"));
    assert!(refuse("main^{tree}").0.contains("tree"));
    assert!(refuse("main:a.txt").0.contains("blob"));
    assert!(refuse("").0.contains("empty"));
    assert!(refuse("@{u}").1.contains("upstream"));
    assert!(refuse("0123456789012345678901234567890123456789").0.contains("0123456"));
    refuse("main\nrm");
    refuse("\u{0}");
}

#[test]
fn d04_no_merge_base_is_an_error_at_once() {
    let fixture = two_branches();
    fixture.git(&["switch", "--quiet", "--orphan", "island"]);
    fixture.write("island.txt", "alone\n");
    fixture.commit("island");
    let (message, hint) = refused(&fixture, ResolveOptions::new().base("main"), ErrorKind::NoMergeBase);
    assert_eq!(message, "`main` and HEAD have no common ancestor");
    assert!(!hint.is_empty());
    refused(&fixture, ResolveOptions::new(), ErrorKind::NoMergeBase);
}

#[test]
fn merge_bases_are_those_of_git() {
    // Two branches that were merged into one another, and a straight line on top.
    let fixture = two_branches();
    fixture.git(&["switch", "--quiet", "main"]);
    fixture.write("m1", "1\n");
    fixture.commit("m1");
    fixture.git(&["tag", "m1"]);
    fixture.git(&["merge", "--quiet", "--no-edit", "topic"]);
    fixture.git(&["switch", "--quiet", "topic"]);
    fixture.git(&["merge", "--quiet", "--no-edit", "m1"]);
    fixture.write("t2", "1\n");
    fixture.commit("t2");
    let straight: Vec<String> = (0..3)
        .map(|at| {
            fixture.write(format!("line-{at}"), "1\n");
            fixture.commit("line")
        })
        .collect();
    for graph in [false, true] {
        if graph {
            fixture.git(&["commit-graph", "write", "--reachable"]);
        }
        for name in ["main", "m1", "v1", straight[0].as_str()] {
            let target = base(&fixture, name);
            let TargetKind::Branch { merge_base, .. } = target.kind() else { panic!() };
            let all = fixture.git(&["merge-base", "--all", name, "HEAD"]);
            assert!(all.lines().any(|id| id == merge_base.to_string()), "{name}, graph: {graph}");
        }
    }
}

#[test]
fn nothing_to_review() {
    let fixture = Fixture::committed();
    let (message, _) = refused(&fixture, ResolveOptions::new(), ErrorKind::NothingToReview);
    assert_eq!(message, "nothing to review: the work tree is clean and `main` adds nothing to `main`");
    refused(&fixture, ResolveOptions::new().scope(TargetScope::WorkingTree), ErrorKind::NothingToReview);
    refused(&fixture, ResolveOptions::new().scope(TargetScope::Branch), ErrorKind::NothingToReview);
    refused(&fixture, ResolveOptions::new().base("HEAD"), ErrorKind::NothingToReview);
    fixture.commit("empty");
    refused(&fixture, ResolveOptions::new().commit("HEAD"), ErrorKind::NothingToReview);
    refused(&fixture, ResolveOptions::new().base("HEAD~1"), ErrorKind::NothingToReview);
}

#[test]
fn a_base_takes_precedence_over_a_dirty_work_tree() {
    let fixture = two_branches();
    fixture.write("untracked", "x");
    assert_eq!(base(&fixture, "main").mode(), "branch");
    assert_eq!(fixture.target(TargetScope::Branch).mode(), "branch");
    assert_eq!(fixture.target(TargetScope::WorkingTree).mode(), "working-tree");
    let both = ResolveOptions::new().base("main").commit("HEAD");
    refused(&fixture, both, ErrorKind::InvalidRequest);
}

#[test]
fn a_single_commit() {
    let fixture = two_branches();
    let target = fixture.resolve(ResolveOptions::new().commit("topic")).unwrap();
    let TargetKind::Commit { id, title, parent } = target.kind() else { panic!() };
    assert_eq!(title, "topic work");
    assert_eq!(parent.unwrap().to_string(), fixture.git(&["rev-parse", "main"]));
    assert_eq!(target.label(), format!("commit {}", id.short()));
    assert_eq!(target.mode(), "commit");
    let root = fixture.resolve(ResolveOptions::new().commit("v1")).unwrap();
    assert!(
        matches!(root.kind(), TargetKind::Commit { parent: None, .. }),
        "an annotated tag leads to its commit"
    );
}

#[test]
fn unborn_and_detached_heads() {
    let fixture = Fixture::new();
    let (message, _) = refused(&fixture, ResolveOptions::new(), ErrorKind::NothingToReview);
    assert_eq!(message, "`main` has no commits yet");
    fixture.write("a", "x\n");
    let target = fixture.target(TargetScope::Auto);
    assert_eq!((target.mode(), target.branch(), target.head()), ("working-tree", Some("main"), None));
    refused(&fixture, ResolveOptions::new().base("main"), ErrorKind::UnknownRevision);

    let fixture = two_branches();
    fixture.git(&["switch", "--quiet", "--detach"]);
    let target = fixture.target(TargetScope::Auto);
    assert_eq!((target.mode(), target.branch()), ("branch", None));
}

#[test]
fn d20_any_directory_of_the_work_tree_is_accepted() {
    let fixture = Fixture::committed();
    fixture.write("deep/er/file", "x\n");
    fixture.commit("deep");
    fixture.write("untracked-elsewhere", "x\n");
    let options = ResolveOptions::new().config(ConfigScope::Repository);
    let target = resolve_at(&fixture.path("deep/er"), &options).unwrap();
    assert_eq!((target.mode(), target.repo_root()), ("working-tree", fixture.root()));
}

#[test]
fn directories_without_a_work_tree() {
    let outside = tempfile::TempDir::new().unwrap();
    let options = ResolveOptions::new().config(ConfigScope::Repository);
    let error = resolve_at(outside.path(), &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotARepository, "{error}");
    assert!(error.hint().is_some());
    assert_eq!(resolve_at(&outside.path().join("no"), &options).unwrap_err().kind(), ErrorKind::Io);
    let bare = Fixture::with_init(&["--bare"]);
    refused(&bare, ResolveOptions::new(), ErrorKind::BareRepository);
}

#[test]
fn a_linked_work_tree_has_its_own_head() {
    let fixture = two_branches();
    let linked = fixture.outside("linked");
    fixture.git(&["worktree", "add", "--quiet", linked.to_str().unwrap(), "-b", "other", "topic"]);
    std::fs::write(linked.join("a.txt"), "changed\n").unwrap();
    let options = ResolveOptions::new().config(ConfigScope::Repository);
    let target = resolve_at(&linked, &options).unwrap();
    assert_eq!((target.mode(), target.branch()), ("working-tree", Some("other")));
    assert_eq!(target.repo_root(), linked);
    assert_eq!(fixture.target(TargetScope::Auto).mode(), "branch", "the main work tree is clean");
}

#[test]
fn a_shallow_clone_ends_at_its_boundary() {
    let fixture = two_branches();
    fixture.git(&["switch", "--quiet", "main"]);
    fixture.write("main.txt", "on main\n");
    fixture.commit("main goes on");
    fixture.git(&["tag", "--delete", "v1"]);
    fixture.git(&["switch", "--quiet", "topic"]);
    let clone = fixture.outside("clone");
    let url = format!("file://{}", fixture.root().display());
    fixture.git(&["clone", "--quiet", "--depth=1", "--no-single-branch", &url, clone.to_str().unwrap()]);
    let options = ResolveOptions::new().config(ConfigScope::Repository);
    let commit = resolve_at(&clone, &options.clone().commit("HEAD")).unwrap();
    assert!(matches!(commit.kind(), TargetKind::Commit { parent: None, .. }));
    let error = resolve_at(&clone, &options.base("origin/main")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoMergeBase);
    assert!(error.hint().unwrap().contains("--unshallow"));
}

#[cfg(unix)]
#[test]
fn a_repository_of_another_user_is_refused() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let fixture = two_branches();
    let me = std::fs::metadata(fixture.root()).unwrap().uid();
    if me != 0 {
        return; // Only root can give a directory away.
    }
    for name in ["", ".git"] {
        chown(fixture.path(name), Some(12345), None).unwrap();
        let (message, hint) = refused(&fixture, ResolveOptions::new(), ErrorKind::NotTrusted);
        assert!(message.contains("another user"), "{message}");
        assert!(hint.contains("safe.directory"), "{hint}");
        chown(fixture.path(name), Some(0), None).unwrap();
    }
}

#[test]
fn a_cancelled_call_does_not_start() {
    let fixture = two_branches();
    let options = ResolveOptions::new();
    options.cancel.cancel();
    refused(&fixture, options, ErrorKind::Cancelled);
}

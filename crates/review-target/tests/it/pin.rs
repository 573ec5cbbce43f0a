//! Targets by the ids of their commits.

use codex_review_target::{ConfigScope, ErrorKind, ResolveOptions};

use crate::fixture::Fixture;

/// The worker of a background job reviews what was checked when the job was started.
#[test]
fn a_pinned_branch_stays_the_same_after_both_branches_moved() {
    let fixture = Fixture::committed();
    fixture.git(&["switch", "--quiet", "--create", "topic"]);
    fixture.write("topic.txt", "one\n");
    fixture.commit("topic");
    let before = fixture.resolve(ResolveOptions::new().base("main")).unwrap();
    let pinned = before.pinned();
    fixture.write("topic.txt", "two\n");
    fixture.commit("more");
    fixture.git(&["branch", "--quiet", "--force", "main", "topic"]);
    let after = pinned.resolve(fixture.root(), ConfigScope::Repository).unwrap();
    assert_eq!((after.kind(), after.head(), after.label()), (before.kind(), before.head(), before.label()));
    assert!(pinned.is_head(before.head()));
    let now = fixture.resolve(ResolveOptions::new().commit("HEAD")).unwrap();
    assert!(!pinned.is_head(now.head()));
}

#[test]
fn a_pinned_commit_that_is_missing_is_an_error() {
    let fixture = Fixture::committed();
    let pinned = fixture.resolve(ResolveOptions::new().commit("HEAD")).unwrap().pinned();
    // Amending the same commit is not enough: its object stays in the repository.
    let other = Fixture::new();
    other.write("b.txt", "another history\n");
    other.commit("first");
    assert!(pinned.resolve(other.root(), ConfigScope::Repository).is_err());
}

#[test]
fn a_pinned_work_tree_without_changes_is_an_error() {
    let fixture = Fixture::committed();
    fixture.write("new.txt", "new\n");
    let pinned = fixture.resolve(ResolveOptions::new()).unwrap().pinned();
    assert_eq!(pinned.resolve(fixture.root(), ConfigScope::Repository).unwrap().mode(), "working-tree");
    fixture.remove("new.txt");
    let error = pinned.resolve(fixture.root(), ConfigScope::Repository).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NothingToReview);
}

//! Patches: what git writes, what git counts, and what git makes of ours.

use std::fs;

use codex_review_target::{
    CollectOptions, Inclusion, MeasureBudget, MeasureOptions, TargetScope, collect, measure,
};

use crate::fixture::{Fixture, apply, assert_as_git_says, diff_at, section};

thread_local! {
    /// One repository for all pairs: making one takes longer than comparing a pair.
    static REPOSITORY: Fixture = Fixture::new();
}

/// Two contents, with a byte 0xff between them: one is in the index, the other in the work tree. Without a second one the
/// file is deleted.
///
/// # Panics
/// When git counts other lines, writes another patch, refuses ours, or gets another file out of it.
pub fn patches(data: &[u8]) {
    let mut contents = data.splitn(2, |byte| *byte == 0xff);
    let (old, new) = (contents.next().unwrap_or_default(), contents.next());
    REPOSITORY.with(|repository| check(repository, old, new));
}

fn check(repository: &Fixture, old: &[u8], new: Option<&[u8]>) {
    const NAME: &str = "file.txt";
    let root = repository.root();
    repository.write(NAME, old);
    repository.git(&["add", NAME]);
    match new {
        Some(new) => repository.write(NAME, new),
        None => fs::remove_file(repository.path(NAME)).expect("it was just written"),
    }
    let measured = assert_as_git_says(root).expect("the file is in the index and in no commit");
    let target = repository.target(TargetScope::WorkingTree);
    let options =
        CollectOptions::new().inline_files(usize::MAX).inline_bytes(u64::MAX).max_chars(usize::MAX / 16);
    let context = collect(&target, &options).expect("nothing else changes the file");
    assert_eq!(
        context.measure.total,
        measure(&target, &MeasureOptions::new().budget(MeasureBudget::unlimited())).expect("as before").total
    );
    if context.manifest.files.iter().any(|file| file.inclusion != Inclusion::Included) {
        let texts = [Some(old), new].into_iter().flatten();
        let plain = |text: &[u8]| !text.contains(&0) && std::str::from_utf8(text).is_ok();
        assert!(!texts.into_iter().all(plain), "text was left out");
        return;
    }
    let patch = |heading| section(&context.text, heading).unwrap_or_default();
    let (staged, unstaged) = (patch("Staged changes"), patch("Unstaged changes"));
    assert_eq!(staged, diff_at(root, &["--cached"]));
    assert_eq!(unstaged, diff_at(root, &[]));
    assert_eq!(measured.unstaged.bytes, unstaged.len() as u64, "counted and written");
    if !unstaged.is_empty() {
        let patched = apply(root, None, unstaged);
        repository.git(&["add", "--all"]);
        assert_eq!(patched, repository.git(&["write-tree"]), "the patch gives the new content");
    }
}

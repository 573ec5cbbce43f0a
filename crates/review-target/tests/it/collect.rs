use std::fmt::Write as _;

use codex_review_target::{
    CancelToken, CollectOptions, ErrorKind, FingerprintOptions, Inclusion, InputMode, MeasureBudget,
    MeasureOptions, ResolveOptions, ReviewContext,
};
use codex_review_target::{ChangeKind, Form, TargetScope, Wait, collect, measure, recommend};

use crate::fixture::{Fixture, apply, fenced, section};

#[track_caller]
fn context(fixture: &Fixture, scope: TargetScope, options: &CollectOptions) -> ReviewContext {
    collect(&fixture.target(scope), options).unwrap()
}

#[track_caller]
fn default_context(fixture: &Fixture) -> ReviewContext {
    context(fixture, TargetScope::Auto, &CollectOptions::new())
}

/// The content shown of an untracked file.
fn untracked<'c>(context: &'c ReviewContext, name: &str) -> Option<&'c str> {
    let heading = format!("\n### {name}\n\n");
    let start = context.text.find(&heading)? + heading.len();
    fenced(&context.text[start..])
}

/// How many files are included, summarised and omitted.
fn counts(context: &ReviewContext) -> [usize; 3] {
    [Inclusion::Included, Inclusion::Summarised, Inclusion::Omitted]
        .map(|inclusion| context.manifest.count(inclusion))
}

#[track_caller]
fn reason(context: &ReviewContext, path: &str) -> (Inclusion, String) {
    let entry = context.manifest.files.iter().find(|entry| entry.file.path.as_bytes() == path.as_bytes());
    let entry = entry.unwrap_or_else(|| panic!("{path} is in the manifest"));
    (entry.inclusion, entry.reason.clone().unwrap_or_default())
}

#[test]
fn a_small_change_is_shown_in_full() {
    let fixture = Fixture::committed();
    fixture.write("a.txt", "one\n2\nthree\n");
    fixture.write("new.txt", "hello\n");
    let context = default_context(&fixture);
    assert_eq!(context.input_mode, InputMode::InlineDiff);
    assert_eq!((context.file_count, context.at_least), (2, false));
    assert_eq!(context.summary, "working tree: 1 unstaged, 1 untracked, +2 \u{2212}1");
    let patch = section(&context.text, "Unstaged changes").unwrap();
    assert!(patch.ends_with("@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"), "{patch}");
    apply(fixture.root(), None, patch);
    assert_eq!(untracked(&context, "new.txt"), Some("hello\n"));
    assert_eq!(context.diff_bytes, patch.len() as u64 + 6);
    assert!(context.manifest.left_out().next().is_none());
    assert!(!context.text.contains("## Left out"));
    assert!(context.text.starts_with("# Review context (format 1)\n\nTarget: working tree diff\n"));
}

/// Right after a checkout, files are as new as the index: which of them changed shows only when they are compared.
#[test]
fn possibly_changed_files_count_after_a_comparison() {
    let fixture = Fixture::committed();
    for name in 0..40 {
        fixture.write(format!("f{name}"), "one\n");
    }
    fixture.git(&["add", "."]);
    fixture.git(&["commit", "--quiet", "--message=many"]);
    // Same size and, on a file system with coarse time stamps, the same time as the index.
    for name in 0..40 {
        fixture.write(format!("f{name}"), "one\n");
    }
    fixture.write("f7", "two\n");
    let context = default_context(&fixture);
    assert_eq!(context.input_mode, InputMode::InlineDiff, "{}", context.text);
    assert_eq!(context.file_count, 1);
    assert!(section(&context.text, "Unstaged changes").unwrap().contains("+two"));
}

#[test]
fn three_files_give_an_overview() {
    let fixture = Fixture::committed();
    for name in ["b.txt", "c.txt"] {
        fixture.write(name, "x\n");
    }
    fixture.git(&["add", "."]);
    fixture.write("a.txt", "one\n2\nthree\n");
    fixture.write("d.txt", "untracked\n");
    let context = default_context(&fixture);
    assert_eq!(context.input_mode, InputMode::SelfCollect);
    assert_eq!(context.summary, "working tree: 2 staged, 1 unstaged, 1 untracked, +4 \u{2212}1");
    let files = section(&context.text, "Changed files").unwrap();
    assert_eq!(
        files,
        "A staged    +1 \u{2212}0        b.txt\nA staged    +1 \u{2212}0        c.txt\n\
         M unstaged  +1 \u{2212}1        a.txt\n? untracked +1 \u{2212}0        d.txt\n"
    );
    assert!(section(&context.text, "Staged changes").is_none());
    assert_eq!(untracked(&context, "d.txt"), Some("untracked\n"), "no diff has it, so it is shown");
    assert_eq!(counts(&context), [1, 3, 0]);
    assert!(section(&context.text, "Left out").is_none());
    assert!(
        section(&context.text, "How to look at the rest")
            .unwrap()
            .contains("diff --no-ext-diff --cached -- PATH\n")
    );
    let inline = context_with(&fixture, &CollectOptions::new().inline_files(4).inline_bytes(1 << 20));
    assert_eq!(inline.input_mode, InputMode::InlineDiff);
    let small = context_with(&fixture, &CollectOptions::new().inline_files(4).inline_bytes(100));
    assert_eq!(small.input_mode, InputMode::SelfCollect);
}

fn context_with(fixture: &Fixture, options: &CollectOptions) -> ReviewContext {
    context(fixture, TargetScope::Auto, options)
}

#[test]
fn a_file_that_is_staged_and_changed_again_is_one_file() {
    let fixture = Fixture::committed();
    fixture.write("a.txt", "one\n2\nthree\n");
    fixture.git(&["add", "."]);
    fixture.write("a.txt", "one\n2\n3\n");
    let context = default_context(&fixture);
    assert_eq!((context.file_count, context.manifest.files.len()), (1, 2));
    let staged = section(&context.text, "Staged changes").unwrap();
    assert_eq!(apply(fixture.root(), Some("HEAD"), staged), fixture.git(&["write-tree"]));
    apply(fixture.root(), None, section(&context.text, "Unstaged changes").unwrap());
}

#[test]
fn branches_come_with_their_commits() {
    let fixture = Fixture::committed();
    fixture.git(&["switch", "--quiet", "-c", "topic"]);
    for at in 0..60 {
        fixture.write("a.txt", format!("{at}\n"));
        fixture.commit(&format!("change {at} ``` of many"));
    }
    let context = default_context(&fixture);
    let log = section(&context.text, "Commits").unwrap();
    assert_eq!(log.lines().count(), 50);
    assert!(log.lines().next().unwrap().contains("change 59"));
    assert!(context.text.contains("\nand older ones.\n"));
    let patch = section(&context.text, "Changes").unwrap();
    assert_eq!(apply(fixture.root(), Some("main"), patch), fixture.git(&["rev-parse", "HEAD^{tree}"]));
    assert!(context.text.contains(&format!("Merge base: {}\n", fixture.git(&["rev-parse", "main"]))));

    let commit = fixture.resolve(ResolveOptions::new().commit("HEAD")).unwrap();
    let context = collect(&commit, &CollectOptions::new()).unwrap();
    assert_eq!(section(&context.text, "Commit message"), Some("change 59 ``` of many\n"));
}

#[test]
fn untracked_files_have_limits() {
    let fixture = Fixture::committed();
    fixture.write("big.txt", "x".repeat(24 * 1024 + 1));
    fixture.write("fits.txt", "x".repeat(24 * 1024));
    fixture.write("latin.txt", b"caf\xe9\n");
    fixture.write("nul.bin", b"\0");
    let context = default_context(&fixture);
    assert_eq!(untracked(&context, "fits.txt").unwrap().len(), 24 * 1024 + 1);
    assert_eq!(reason(&context, "big.txt"), (Inclusion::Omitted, "untracked and larger than 24 KiB".into()));
    assert_eq!(reason(&context, "latin.txt").0, Inclusion::Omitted);
    assert_eq!(reason(&context, "nul.bin"), (Inclusion::Omitted, "binary".into()));
    let left_out = section(&context.text, "Left out").unwrap();
    assert!(left_out.contains("big.txt: untracked and larger than 24 KiB\n"), "{left_out}");
}

#[test]
fn d19_many_untracked_files_fit() {
    let fixture = Fixture::committed();
    for at in 0..10_000 {
        fixture.write(format!("many/file-{at:04}.txt"), format!("{at}\n").repeat(400));
    }
    let context = default_context(&fixture);
    assert!(context.text.chars().count() <= 900_000);
    let [included, summarised, omitted] = counts(&context);
    assert_eq!((included + omitted, summarised), (10_000, 0));
    assert!((100..200).contains(&included), "{included}");
    assert_eq!(context.file_count, 10_000);
    assert!(context.at_least, "500 files are counted");
    assert_eq!(reason(&context, "many/file-9999.txt").1, "the 256 KiB for untracked files are used up");
    assert!(context.text.contains("the 256 KiB for untracked files are used up"));
}

#[test]
fn long_lists_are_cut_with_a_count() {
    let fixture = Fixture::committed();
    let long = "n".repeat(200);
    for at in 0..700 {
        fixture.write(format!("{long}/{at:04}"), "");
    }
    fixture.git(&["add", "."]);
    let context = context_with(&fixture, &CollectOptions::new().max_chars(50_000));
    assert!(context.text.chars().count() <= 50_000);
    let listed = section(&context.text, "Changed files").unwrap().lines().count();
    assert!(context.text.contains(&format!("\nand {} more, not listed here.\n", 700 - listed)));
    assert_eq!(counts(&context), [0, listed, 700 - listed]);
    assert_eq!(reason(&context, &format!("{long}/0699")).1, "the list of changed files was cut");
}

#[test]
fn no_content_closes_its_fence() {
    let fixture = Fixture::committed();
    fixture.write("a.txt", "```\n## How to look at the rest\n````\n");
    fixture.write("`````\n## Left out\n", "``````` out\n");
    let context = default_context(&fixture);
    let patch = section(&context.text, "Unstaged changes").unwrap();
    apply(fixture.root(), None, patch);
    assert!(patch.contains("+````\n"));
    let name = r#""\140\140\140\140\140\n## Left out\n""#;
    assert_eq!(untracked(&context, name), Some("``````` out\n"));
    let headings = context.text.lines().filter(|line| line.starts_with("## ")).count();
    assert_eq!(headings, 4, "{}", context.text);
    fixture.write("a.txt", "`".repeat(5000));
    let context = default_context(&fixture);
    assert!(reason(&context, "a.txt").1.contains("backticks"));
}

#[test]
fn content_that_is_not_text_is_described() {
    let fixture = Fixture::committed();
    fixture.write("image", b"\0one");
    fixture.write("latin", b"caf\xe9\n");
    fixture.write("made.rs", "1\n");
    fixture.write(".gitattributes", "made.rs linguist-generated\n");
    fixture.commit("second");
    fixture.write("image", b"\0two");
    fixture.write("latin", b"caf\xe9s\n");
    fixture.write("made.rs", "2\n");
    let context = context_with(&fixture, &CollectOptions::new().inline_files(9).inline_bytes(1 << 20));
    assert_eq!(context.input_mode, InputMode::InlineDiff);
    assert_eq!(reason(&context, "image"), (Inclusion::Summarised, "binary".into()));
    assert!(reason(&context, "latin").1.starts_with("not UTF-8"));
    assert_eq!(reason(&context, "made.rs"), (Inclusion::Summarised, "marked as linguist-generated".into()));
    assert!(
        section(&context.text, "Unstaged changes").is_none(),
        "no patch is emitted that git would not accept"
    );
    let files = section(&context.text, "Changed files").unwrap();
    assert!(files.contains("M unstaged  binary       image  (4 bytes)\n"), "{files}");
    assert!(files.contains("made.rs  (generated)\n"), "{files}");
}

#[test]
fn renames_are_noted() {
    let fixture = Fixture::committed();
    fixture.git(&["mv", "a.txt", "b.txt"]);
    let context = default_context(&fixture);
    let renamed = context.manifest.files.iter().find(|entry| entry.file.change == ChangeKind::Added).unwrap();
    assert_eq!(renamed.renamed_from.as_ref().unwrap().to_string(), "a.txt");
    assert!(section(&context.text, "Changed files").unwrap().contains("b.txt  (renamed from a.txt)\n"));
}

#[test]
fn conflicts_are_compared_with_our_side() {
    let fixture = Fixture::committed();
    fixture.git(&["switch", "--quiet", "-c", "theirs"]);
    fixture.write("a.txt", "one\ntheirs\nthree\n");
    fixture.commit("theirs");
    fixture.git(&["switch", "--quiet", "main"]);
    fixture.write("a.txt", "one\nours\nthree\n");
    fixture.commit("ours");
    drop(crate::fixture::git_at(fixture.root(), &["merge", "theirs"], b""));
    let context = default_context(&fixture);
    let patch = section(&context.text, "Conflicts, compared with our side").unwrap();
    assert!(patch.contains("+<<<<<<< HEAD\n"));
    apply(fixture.root(), Some("HEAD"), patch);
}

#[test]
fn files_that_are_removed_or_modified_concurrently() {
    let fixture = Fixture::committed();
    fixture.write("a.txt", "changed\n");
    fixture.write("gone.txt", "x\n");
    let target = fixture.target(TargetScope::Auto);
    fixture.remove("gone.txt");
    fixture.write("a.txt", "changed again, and longer\n");
    let context = collect(&target, &CollectOptions::new()).unwrap();
    assert_eq!(reason(&context, "gone.txt"), (Inclusion::Omitted, "removed since it was listed".into()));
    assert!(section(&context.text, "Unstaged changes").unwrap().contains("+changed again, and longer\n"));
    fixture.remove("a.txt");
    std::fs::create_dir(fixture.path("a.txt")).unwrap();
    let context = collect(&target, &CollectOptions::new()).unwrap();
    assert_eq!(reason(&context, "a.txt").1, "removed since it was listed");
    assert!(context.at_least);
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_a_file_is_not_followed() {
    let fixture = Fixture::committed();
    let secret = fixture.outside("secret");
    std::fs::create_dir(&secret).unwrap();
    std::fs::write(secret.join("f"), "hunter2\n").unwrap();
    fixture.write("dir/f", "harmless\n");
    fixture.write("f", "harmless\n");
    let target = fixture.target(TargetScope::Auto);
    fixture.remove("f");
    std::os::unix::fs::symlink(secret.join("f"), fixture.path("f")).unwrap();
    std::fs::remove_dir_all(fixture.path("dir")).unwrap();
    std::os::unix::fs::symlink(&secret, fixture.path("dir")).unwrap();
    let context = collect(&target, &CollectOptions::new()).unwrap();
    assert!(!context.text.contains("hunter2"));
    assert_eq!(reason(&context, "dir/f").1, "removed since it was listed");
    assert_eq!(reason(&context, "f").1, "removed since it was listed");
    // After a new resolve, the links are described as links; their targets are not read.
    let context = default_context(&fixture);
    assert!(!context.text.contains("hunter2"));
    assert_eq!(untracked(&context, "dir"), Some(format!("{}\n", secret.display()).as_str()));
    assert!(context.text.contains("A symbolic link; its target, not followed:"));
    assert_eq!(context.manifest.files[0].file.form, Form::Link);
}

#[cfg(unix)]
#[test]
fn a_sparse_file_of_three_gibibytes_is_not_read() {
    let fixture = Fixture::committed();
    let file = std::fs::File::create(fixture.path("huge")).unwrap();
    file.set_len(3 << 30).unwrap();
    std::fs::File::options().write(true).open(fixture.path("a.txt")).unwrap().set_len(3 << 30).unwrap();
    let target = fixture.target(TargetScope::Auto);
    let measured = measure(&target, &MeasureOptions::new()).unwrap();
    assert_eq!((measured.total.files, measured.total.uncounted), (2, 2));
    assert!(measured.at_least());
    assert!(measured.files.iter().all(|file| file.size == Some(3 << 30)));
    let context = collect(&target, &CollectOptions::new()).unwrap();
    assert!(context.text.len() < 5000);
    assert_eq!(reason(&context, "huge").0, Inclusion::Omitted);
    assert_eq!(recommend(&measured).wait, Wait::Background);
}

#[test]
fn a_measure_stops_at_its_budget() {
    let fixture = Fixture::committed();
    for at in 0..40 {
        fixture.write(format!("{at:02}"), "1\n2\n3\n4\n");
    }
    let target = fixture.target(TargetScope::Auto);
    let with = |budget: MeasureBudget| measure(&target, &MeasureOptions::new().budget(budget)).unwrap();
    let all = with(MeasureBudget::unlimited());
    assert_eq!((all.total.files, all.total.insertions, all.at_least()), (40, 160, false));
    let few = with(MeasureBudget::unlimited().files(10));
    assert_eq!((few.total.files, few.total.insertions, few.total.uncounted), (40, 40, 30));
    assert!(few.at_least() && few.summary().contains("at least +40"));
    for budget in [
        MeasureBudget::unlimited().bytes(100),
        MeasureBudget::unlimited().lines(20),
        MeasureBudget::unlimited().time(std::time::Duration::ZERO),
    ] {
        let stopped = with(budget);
        assert!(stopped.limit.is_some() && stopped.total.insertions < 160, "{budget:?}");
        assert_eq!(stopped.total.files, 40);
    }
    let skips = with(MeasureBudget::unlimited().bytes(7));
    assert_eq!((skips.limit, skips.total.uncounted), (None, 40), "each is too large on its own");
}

#[test]
fn files_with_too_many_lines_to_compare_are_skipped() {
    let fixture = Fixture::new();
    let lines = |from: u32| (from..from + 60_000).map(|at| format!("{at}\n")).collect::<String>();
    fixture.write("other", lines(0));
    fixture.write("alike", lines(0));
    fixture.commit("first");
    fixture.write("other", lines(1_000_000));
    fixture.write("alike", lines(0).replace("\n30000\n", "\nchanged\n"));
    let target = fixture.target(TargetScope::Auto);
    let measured = measure(&target, &MeasureOptions::new()).unwrap();
    assert_eq!((measured.total.files, measured.total.uncounted, measured.limit), (2, 1, None));
    assert_eq!((measured.total.insertions, measured.total.deletions), (1, 1));
    assert_eq!(measured.files[1].unread.as_deref(), Some("too many lines to compare"));
    assert_eq!(default_context(&fixture).input_mode, InputMode::SelfCollect);
    let all = measure(&target, &MeasureOptions::new().budget(MeasureBudget::unlimited())).unwrap();
    assert_eq!((all.total.insertions, all.total.uncounted), (60_001, 0));
}

#[test]
fn waiting_is_recommended_for_small_changes() {
    let fixture = Fixture::committed();
    fixture.write("a.txt", "changed\n");
    let recommended = |fixture: &Fixture| {
        recommend(&measure(&fixture.target(TargetScope::Auto), &MeasureOptions::new()).unwrap())
    };
    let small = recommended(&fixture);
    assert_eq!((small.wait, small.reason.as_str()), (Wait::Foreground, "1 file and 4 changed lines"));
    fixture.write("long", "x\n".repeat(500));
    let large = recommended(&fixture);
    assert_eq!((large.wait, large.reason.as_str()), (Wait::Background, "2 files and 504 changed lines"));
}

#[test]
fn every_call_can_be_cancelled() {
    let fixture = Fixture::committed();
    fixture.write("a.txt", "changed\n");
    let target = fixture.target(TargetScope::Auto);
    let cancel = CancelToken::new();
    cancel.cancel();
    assert_eq!(
        measure(&target, &MeasureOptions::new().budget(MeasureBudget::default()).cancel(cancel.clone()))
            .unwrap_err()
            .kind(),
        ErrorKind::Cancelled
    );
    assert_eq!(
        collect(&target, &CollectOptions::new().cancel(cancel.clone())).unwrap_err().kind(),
        ErrorKind::Cancelled
    );
    let stopped =
        codex_review_target::fingerprint(&target, &FingerprintOptions::new().cancel(cancel.clone()));
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Cancelled);
}

#[cfg(feature = "serde")]
#[test]
fn reports_have_the_documented_members() {
    let fixture = Fixture::committed();
    fixture.write("a.txt", "one\n2\nthree\n");
    fixture.write("q\"\u{e9}\n", "x\n");
    let target = fixture.target(TargetScope::Auto);
    let context = collect(&target, &CollectOptions::new()).unwrap();
    let json = serde_json::to_value(&context).unwrap();
    let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let expected =
        ["atLeast", "branch", "diffBytes", "fileCount", "inputMode", "manifest", "repoRoot", "summary"];
    assert_eq!(keys, expected);
    assert_eq!(json["inputMode"], "inline-diff");
    let file = &json["manifest"]["files"][0];
    for (key, value) in
        [("path", "a.txt"), ("area", "unstaged"), ("change", "modified"), ("inclusion", "included")]
    {
        assert_eq!(file[key], value, "{file}");
    }
    assert_eq!((&file["insertions"], &file["hunks"], &file["size"]), (&1.into(), &1.into(), &12.into()));
    assert_eq!(json["manifest"]["files"][1]["path"], "q\"\u{e9}\n");
    let target = serde_json::to_value(&target).unwrap();
    let expected =
        serde_json::json!({"mode": "working-tree", "label": "working tree diff", "explicit": false});
    assert_eq!(target, expected);
}

#[test]
fn the_overview_of_unusual_files_is_plain_text() {
    let fixture = Fixture::committed();
    let mut names = String::new();
    for (at, c) in ['\u{1b}', '\u{9b}', '\u{202e}', '\r', '\u{7f}', '\u{feff}'].into_iter().enumerate() {
        fixture.write(format!("{at}{c}[31m"), "x\n");
        write!(names, "{c}").unwrap();
    }
    let context = default_context(&fixture);
    assert_eq!(context.file_count, 6);
    assert!(!context.text.contains(|c| names.contains(c)));
}

#[test]
fn targets_and_reports_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<codex_review_target::Target>();
    check::<codex_review_target::Error>();
    check::<ReviewContext>();
    check::<codex_review_target::Fingerprint>();
}

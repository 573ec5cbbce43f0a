//! Content of files: text and binary, attributes, line ends, encodings, filters, and files with new times only.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use codex_review_target::{
    Area, CancelToken, ErrorKind, Form, MeasureBudget, MeasureOptions, ResolveOptions, TargetScope, measure,
};

use crate::fixture::{Fixture, assert_as_git_says, numstat_at, ours};
use crate::odd::{clean, file, measure_ok, same};

#[test]
fn binary_files() {
    let fixture = Fixture::new();
    fixture.write("image", b"\x89PNG\0\0\x01");
    fixture.write("late-nul", [vec![b'a'; 8001], vec![0]].concat());
    fixture.write("mode", b"\0");
    fixture.commit("first");
    fixture.write("image", b"\x89PNG\0\0\x02");
    fixture.write("late-nul", [vec![b'b'; 8001], vec![0]].concat());
    fs::set_permissions(fixture.path("mode"), fs::Permissions::from_mode(0o755)).unwrap();
    fixture.write("untracked", b"a\0b");
    let measure = same(&fixture);
    assert_eq!(measure.total.binary, 3);
    assert_eq!(file(&measure, "image").form, Form::Binary);
    assert_eq!(file(&measure, "late-nul").form, Form::Text);
    assert!(!measure.at_least(), "binary files have no lines; nothing is left out");
}

#[test]
fn attributes_decide_what_is_text() {
    let fixture = Fixture::new();
    let rules = "*.dat diff\n*.lock -diff\n*.bin binary\n*.drv diff=own\n*.gen linguist-generated\n\
                 sub/*.lock diff\n[attr]opaque -diff\nmacro opaque\n";
    fixture.write(".gitattributes", rules);
    fixture.write("sub/.gitattributes", "forced binary\n");
    fixture.git(&["config", "diff.own.binary", "true"]);
    fixture.git(&["config", "diff.own.textconv", "touch pwned; cat"]);
    fixture.git(&["config", "diff.own.command", "touch pwned"]);
    let names = ["a.dat", "a.lock", "a.bin", "a.drv", "a.gen", "sub/b.lock", "sub/forced", "macro", "plain"];
    for name in names {
        fixture.write(name, "1\n2\n");
    }
    fixture.write("a.dat", "1\n\0\n");
    fixture.commit("first");
    for name in names {
        fixture.write(name, "1\nchanged\n");
    }
    fixture.write("a.dat", "1\n\0\n\0\n");
    let measure = same(&fixture);
    assert!(file(&measure, "a.gen").generated && !file(&measure, "plain").generated);
    assert_eq!(file(&measure, "sub/b.lock").form, Form::Text);
    // Also between commits, and for what is staged.
    fixture.git(&["add", "."]);
    same(&fixture);
    fixture.commit("second");
    let target = fixture.resolve(ResolveOptions::new().commit("HEAD")).unwrap();
    assert_eq!(ours(&measure_ok(&target), Area::Committed), numstat_at(fixture.root(), &["HEAD~1", "HEAD"]));
    assert!(!fixture.path("pwned").exists());
}

#[test]
fn lfs_pointers() {
    let pointer = |oid: char| {
        format!(
            "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 5\n",
            oid.to_string().repeat(64)
        )
    };
    let fixture = Fixture::new();
    fixture.write("big.psd", pointer('a'));
    fixture.commit("first");
    fixture.write("big.psd", pointer('b'));
    assert_eq!(file(&same(&fixture), "big.psd").form, Form::LfsPointer);
}

#[test]
fn line_ends_are_compared_as_they_are_stored() {
    for (auto, attributes) in [
        ("true", ""),
        ("input", ""),
        ("false", "* text=auto\n"),
        ("false", "*.txt text eol=crlf\n"),
        ("false", "*.txt text\n"),
        ("true", "*.txt -text\n"),
        ("false", ""),
    ] {
        let fixture = Fixture::new();
        fixture.git(&["config", "core.autocrlf", auto]);
        fixture.git(&["config", "core.safecrlf", "false"]);
        fixture.write(".gitattributes", attributes);
        fixture.write("crlf.txt", "1\r\n2\r\n");
        fixture.write("lf.txt", "1\n2\n");
        fixture.write("mixed.txt", "1\n2\r\n");
        fixture.commit("first");
        // Other line ends, the same lines: git stores the same where it converts.
        fixture.write("crlf.txt", "1\n2\n");
        fixture.write("lf.txt", "1\r\n2\r\n");
        fixture.write("mixed.txt", "1\r\n2\r\nmore\r\n");
        assert_as_git_says(fixture.root());
    }
}

#[test]
fn a_stored_carriage_return_stops_automatic_conversion() {
    let fixture = Fixture::new();
    fixture.write("crlf.txt", "1\r\n2\r\n");
    fixture.commit("stored with carriage returns");
    fixture.git(&["config", "core.autocrlf", "true"]);
    fixture.write("crlf.txt", "1\r\n2\r\n3\r\n");
    same(&fixture);
}

#[test]
fn encodings_and_identifiers() {
    let fixture = Fixture::new();
    fixture.write(".gitattributes", "*.u16 working-tree-encoding=UTF-16LE\n*.id ident\n");
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    fixture.write("a.u16", utf16("1\n2\n"));
    fixture.write("a.id", "$Id$\n1\n");
    fixture.commit("first");
    fixture.write("a.u16", utf16("1\n2\n3\n"));
    fixture.write("a.id", "$Id: 0123456789 $\n1\n2\n");
    let measure = same(&fixture);
    assert_eq!(file(&measure, "a.u16").insertions, Some(1));
    assert_eq!(file(&measure, "a.id").insertions, Some(1));
}

#[test]
fn clean_filters_run_as_git_runs_them() {
    let fixture = Fixture::new();
    fixture.write(
        ".gitattributes",
        "*.up filter=upper\n*.path filter=path\n*.no filter=absent\n*.fail filter=fail\n",
    );
    fixture.git(&["config", "filter.upper.clean", "tr a-z A-Z"]);
    fixture.git(&["config", "filter.path.clean", "cat; echo path %f"]);
    fixture.git(&["config", "filter.fail.clean", "exit 3"]);
    for name in ["a.up", "it's.path", "a.no", "a.fail"] {
        fixture.write(name, "hello\n");
    }
    fixture.commit("first");
    clean(&fixture);
    fixture.write("a.up", "HEllo\n");
    clean(&fixture);
    for name in ["a.up", "it's.path", "a.no", "a.fail"] {
        fixture.write(name, "hello\nworld\n");
    }
    same(&fixture);
    fixture.git(&["config", "filter.upper.required", "true"]);
    fixture.git(&["config", "filter.upper.clean", "exit 3"]);
    let target = fixture.target(TargetScope::WorkingTree);
    let measure = measure_ok(&target);
    let failed = file(&measure, "a.up").unread.as_deref().unwrap();
    assert!(failed.contains("filter `upper` failed"), "{failed}");
}

#[test]
fn counts_of_long_and_repetitive_files_are_those_of_git() {
    let fixture = Fixture::new();
    let line = |n: u64| format!("{}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 59);
    let old: String = (0..6000).map(line).collect();
    fixture.write("a", &old);
    fixture.write("b", "}\n".repeat(3000));
    fixture.commit("first");
    let new: String = (0..6000).filter(|n| n % 7 != 3).map(|n| line(n * n)).collect();
    fixture.write("a", new);
    fixture.write("b", format!("{}x\n{}", "}\n".repeat(1000), "}\n".repeat(2500)));
    same(&fixture);
}

#[test]
fn touched_files_with_equal_content_are_unchanged() {
    let fixture = Fixture::committed();
    fixture.write("link-target", "x");
    symlink("link-target", fixture.path("link")).unwrap();
    fixture.commit("second");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(100);
    fs::File::options().write(true).open(fixture.path("a.txt")).unwrap().set_modified(later).unwrap();
    fixture.remove("link");
    symlink("link-target", fixture.path("link")).unwrap();
    clean(&fixture);
    fixture.remove("link");
    symlink("another-name", fixture.path("link")).unwrap();
    same(&fixture);
}

#[test]
fn a_change_within_the_same_tick_is_seen() {
    // The index is written right after the file: their times may be equal, and the size is.
    for _ in 0..20 {
        let fixture = Fixture::new();
        fixture.write("racy", "aaaa\n");
        fixture.git(&["add", "racy"]);
        fixture.write("racy", "bbbb\n");
        let measure = same(&fixture);
        assert_eq!(measure.unstaged.files, 1);
    }
}

#[test]
fn a_hanging_filter_ends_when_the_caller_cancels() {
    let fixture = Fixture::new();
    fixture.write(".gitattributes", "a filter=slow\n");
    fixture.write("a", "1\n");
    fixture.commit("first");
    fixture.git(&["config", "filter.slow.clean", "touch started; sleep 1000"]);
    fixture.git(&["config", "filter.slow.required", "true"]);
    fixture.write("a", "1\n2\n");
    fixture.write("b", "certainly dirty\n");
    let target = fixture.target(TargetScope::WorkingTree);
    let cancel = CancelToken::new();
    let stopped = std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            measure(&target, &MeasureOptions::new().budget(MeasureBudget::unlimited()).cancel(cancel.clone()))
        });
        while !fixture.path("started").exists() {
            assert!(!running.is_finished(), "the filter has not been started");
            std::thread::yield_now();
        }
        cancel.cancel();
        running.join().unwrap()
    });
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Cancelled);
}

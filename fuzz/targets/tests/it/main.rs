//! Every target over its corpus, with any compiler: what fuzzing once found stays found.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests write files and read their environment")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use companion_fuzz_targets::TARGETS;

/// Runs one target; every file that it does not survive is named.
fn replay(name: &str) {
    let (_, target) = TARGETS.into_iter().find(|(known, _)| *known == name).unwrap();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "the corpus is there");
    let fails = |file: &Path| {
        let data = fs::read(file).unwrap();
        catch_unwind(AssertUnwindSafe(|| target(&data))).is_err()
    };
    files.retain(|file| fails(file));
    assert!(files.is_empty(), "{name} fails on {files:#?}");
}

macro_rules! replays {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })+

        #[test]
        fn every_target_is_replayed_and_has_a_program() {
            assert_eq!(TARGETS.map(|(name, _)| name), [$(stringify!($name)),+]);
            for (name, _) in TARGETS {
                let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz_targets").join(name);
                let program = fs::read_to_string(program.with_extension("rs")).unwrap();
                assert!(program.contains(&format!("companion_fuzz_targets::{name}(data)")), "{program}");
            }
        }
    };
}

replays!(arguments envelopes frames hooks patches protocol reviews router store turns verdicts);

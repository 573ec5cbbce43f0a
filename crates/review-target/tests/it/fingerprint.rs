use std::time::{Duration, SystemTime};

use codex_review_target::{Fingerprint, FingerprintOptions, ResolveOptions, TargetScope, fingerprint};

use crate::fixture::Fixture;

#[track_caller]
fn of(fixture: &Fixture, previous: Option<&Fingerprint>) -> Fingerprint {
    let mut options = FingerprintOptions::new();
    options.previous = previous;
    fingerprint(&fixture.target(TargetScope::Auto), &options).unwrap()
}

/// Sets the file's times to an hour ago, plus `seconds`.
fn age(fixture: &Fixture, name: &str, seconds: u64) {
    let then = SystemTime::now() - Duration::from_secs(3600 + seconds);
    std::fs::File::options().write(true).open(fixture.path(name)).unwrap().set_modified(then).unwrap();
}

#[test]
fn content_is_compared_and_times_are_not() {
    let fixture = Fixture::committed();
    fixture.write("a.txt", "changed\n");
    fixture.write("new", "1\n");
    let first = of(&fixture, None);
    assert_eq!(first.as_str().len(), 64);
    assert_eq!(first.files_read(), 2);
    age(&fixture, "a.txt", 0);
    assert_eq!(first, of(&fixture, None));
    for (name, content) in [("a.txt", "CHANGED\n"), ("new", "2\n"), ("new2", "1\n")] {
        let before = of(&fixture, None);
        fixture.write(name, content);
        assert_ne!(before, of(&fixture, Some(&before)), "{name}");
    }
    let before = of(&fixture, None);
    fixture.git(&["add", "new"]);
    assert_ne!(before, of(&fixture, None), "staged is another review than untracked");
    fixture.git(&["reset", "--quiet"]);
    assert_eq!(before, of(&fixture, None));
    fixture.write("a.txt", "one\ntwo\nthree\n");
    let back = of(&fixture, Some(&before));
    assert_ne!(before, back, "a file that is as it was is no part of the change");
}

#[cfg(feature = "serde")]
#[test]
fn the_next_fingerprint_reads_only_possibly_changed_files() {
    let fixture = Fixture::committed();
    for at in 0..10 {
        fixture.write(format!("new-{at}"), format!("{at}\n"));
    }
    let first = of(&fixture, None);
    assert_eq!(first.files_read(), 10);
    // Just written, a file may be written again within the same tick of its clock: it is read again.
    assert_eq!(of(&fixture, Some(&first)).files_read(), 10);
    let old = settled(&first);
    let second = of(&fixture, Some(&old));
    assert_eq!((second.files_read(), second == first), (0, true));
    fixture.write("new-3", "another\n");
    let third = of(&fixture, Some(&old));
    assert_eq!((third.files_read(), third == first), (1, false));
    fixture.git(&["add", "new-4"]);
    assert_eq!(of(&fixture, Some(&old)).files_read(), 1, "what is staged has its id already");
}

/// The same fingerprint, as if it had been taken a minute later.
#[cfg(feature = "serde")]
fn settled(fingerprint: &Fingerprint) -> Fingerprint {
    let mut json = serde_json::to_value(fingerprint).unwrap();
    json["taken"] = (json["taken"].as_i64().unwrap() + 60).into();
    serde_json::from_value(json).unwrap()
}

#[cfg(feature = "serde")]
#[test]
fn a_fingerprint_can_be_stored() {
    let fixture = Fixture::committed();
    fixture.write("new", "1\n");
    let first = of(&fixture, None);
    let kept = serde_json::to_string(&first).unwrap();
    let read: Fingerprint = serde_json::from_str(&kept).unwrap();
    assert_eq!(first, read);
    let newer = kept.replace("\"version\":1", "\"version\":2");
    assert!(serde_json::from_str::<Fingerprint>(&newer).unwrap_err().to_string().contains("version 2"));
}

#[test]
fn commits_are_identified_by_their_trees() {
    let fixture = Fixture::committed();
    fixture.git(&["switch", "--quiet", "-c", "topic"]);
    fixture.write("b", "1\n");
    fixture.commit("topic");
    let first = of(&fixture, None);
    fixture.git(&["commit", "--quiet", "--amend", "-m", "other words"]);
    assert_eq!(first, of(&fixture, None));
    let single = fixture.resolve(ResolveOptions::new().commit("HEAD")).unwrap();
    assert_ne!(first, fingerprint(&single, &FingerprintOptions::new()).unwrap());
    fixture.write("b", "2\n");
    fixture.commit("more");
    assert_ne!(first, of(&fixture, None));
}

#[cfg(unix)]
#[test]
fn modes_links_and_unreadable_things_count() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let fixture = Fixture::committed();
    fixture.write("new", "1\n");
    let mut seen = vec![of(&fixture, None)];
    std::fs::set_permissions(fixture.path("new"), std::fs::Permissions::from_mode(0o755)).unwrap();
    seen.push(of(&fixture, None));
    fixture.remove("new");
    symlink("a.txt", fixture.path("new")).unwrap();
    seen.push(of(&fixture, None));
    fixture.remove("new");
    symlink("a.tx", fixture.path("new")).unwrap();
    seen.push(of(&fixture, None));
    std::fs::File::create(fixture.path("huge")).unwrap().set_len(3 << 30).unwrap();
    seen.push(of(&fixture, None));
    for (at, one) in seen.iter().enumerate() {
        assert!(!seen[..at].contains(one), "each is another: {at}");
    }
    assert_eq!(seen[4], of(&fixture, None));
}

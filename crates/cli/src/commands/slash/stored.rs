//! What a hook keeps of a session for what runs later in it: one small file a session and purpose, in a folder of the state root
//! that does not depend on the workspace.
//!
//! A file is written whole under another name and renamed, so that nobody reads half of one. It is not made durable: what a
//! crash of the machine loses, the session that it was for has lost as well.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::commands::private;

/// The folder below the state root.
const FOLDER: &str = "sessions";
/// A file that nobody took for so long was meant for something that never ran.
const FRESH: Duration = Duration::from_secs(600);
/// Files of sessions that ended in silence go after so long.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// The files of one session.
#[derive(Debug)]
pub(in crate::commands) struct Stored {
    folder: PathBuf,
    session: String,
}

impl Stored {
    pub(in crate::commands) fn new(state_root: &Path, session: &str) -> Self {
        Self { folder: state_root.join(FOLDER), session: file_name(session) }
    }

    fn path(&self, purpose: &str) -> PathBuf {
        self.folder.join(format!("{}.{purpose}", self.session))
    }

    /// Keeps a text, in the place of what was kept for the same purpose. Fails rather than leave that in place.
    pub(in crate::commands) fn put(&self, purpose: &str, text: &str) -> io::Result<()> {
        let written = self.write(purpose, text);
        if written.is_err() {
            let _ = fs::remove_file(self.path(purpose));
        }
        written
    }

    #[expect(clippy::disallowed_methods, reason = "notes of a session, which need not survive a crash")]
    fn write(&self, purpose: &str, text: &str) -> io::Result<()> {
        private::create_folder(&self.folder)?;
        self.sweep();
        let temporary = self.path(&format!("{purpose}.{}.tmp", std::process::id()));
        let mut file = private::options().write(true).create(true).truncate(true).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        drop(file);
        fs::rename(&temporary, self.path(purpose))
    }

    /// Takes what was kept for a purpose, if it is fresh: nobody gets it twice.
    pub(in crate::commands) fn take(&self, purpose: &str) -> Option<String> {
        let path = self.path(purpose);
        let mut file = File::open(&path).ok()?;
        // Of several that have it open, one removes it.
        fs::remove_file(&path).ok()?;
        let fresh = file.metadata().and_then(|data| data.modified()).is_ok_and(|at| !older(at, FRESH));
        let mut text = String::new();
        (fresh && file.read_to_string(&mut text).is_ok()).then_some(text)
    }

    /// Forgets the session.
    pub(in crate::commands) fn forget(&self) {
        let ours = format!("{}.", self.session);
        self.remove_where(|name, _| name.starts_with(&ours));
    }

    fn sweep(&self) {
        self.remove_where(|_, modified| older(modified, KEPT));
    }

    fn remove_where(&self, goes: impl Fn(&str, SystemTime) -> bool) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let modified = entry.metadata().and_then(|data| data.modified());
            if modified.is_ok_and(|modified| goes(&entry.file_name().to_string_lossy(), modified)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// A clock that was set back makes nothing older.
fn older(modified: SystemTime, limit: Duration) -> bool {
    modified.elapsed().is_ok_and(|age| age > limit)
}

/// A session's name as a file name: hosts use UUIDs, and whatever else comes must not leave the folder nor meet another's.
fn file_name(session: &str) -> String {
    use std::fmt::Write as _;
    let mut name = String::new();
    // Names past what file systems take would be cut alike; no host makes any.
    for byte in session.bytes().take(100) {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "_{byte:02x}");
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn what_is_kept_is_taken_once_and_as_it_was() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (Stored::new(root.path(), "one"), Stored::new(root.path(), "two"));
        let text = "it's \"$(x)\" `y`\n```\n世界\u{0}".repeat(10_000);
        one.put("review", "old").unwrap();
        one.put("review", &text).unwrap();
        one.put("status", "").unwrap();
        assert_eq!(two.take("review"), None);
        assert_eq!(one.take("review").as_deref(), Some(&text[..]));
        assert_eq!(one.take("review"), None);
        assert_eq!(one.take("status").as_deref(), Some(""));
        one.put("review", "x").unwrap();
        two.put("review", "y").unwrap();
        one.forget();
        assert_eq!((one.take("review"), two.take("review").as_deref()), (None, Some("y")));
    }

    #[cfg(unix)]
    #[test]
    fn files_are_the_users_own_and_names_stay_in_the_folder() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let odd = Stored::new(root.path(), "../../etc/pass wd");
        odd.put("review", "x").unwrap();
        let folder = root.path().join(FOLDER);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files, [folder.join("_2e_2e_2f_2e_2e_2fetc_2fpass_20wd.review")]);
        assert_eq!(mode(&files[0]), 0o600);
    }

    #[test]
    fn what_nobody_took_in_time_is_not_meant_any_more() {
        let root = tempfile::tempdir().unwrap();
        let stored = Stored::new(root.path(), "s");
        stored.put("review", "--model old").unwrap();
        let file = OpenOptions::new().write(true).open(stored.path("review")).unwrap();
        file.set_modified(SystemTime::now() - FRESH - Duration::from_secs(1)).unwrap();
        assert_eq!(stored.take("review"), None);
        stored.put("review", "x").unwrap();
        let file = OpenOptions::new().write(true).open(stored.path("review")).unwrap();
        file.set_modified(SystemTime::now() - KEPT - Duration::from_secs(1)).unwrap();
        Stored::new(root.path(), "other").put("status", "").unwrap();
        assert!(!stored.path("review").exists());
    }
}

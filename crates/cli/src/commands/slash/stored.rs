//! What a hook stores of a session for commands that run later in it: one small file for each session and purpose, in the
//! directory `sessions` of the state directory, which does not depend on the workspace.
//!
//! A file is written under another name and renamed, so that no reader gets half of it. It is not made durable: what a
//! crash of the machine loses, the session that it was for has lost as well.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use codex_base::PathError;
use codex_base::files::{create_private_directory, private_options};
use codex_companion_core::StateDir;

/// A file that is older was meant for a command that never ran.
const FRESH: Duration = Duration::from_secs(600);
/// Files of sessions that ended without notice are removed when they are older.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// The files of one session.
#[derive(Debug)]
pub(crate) struct Stored {
    directory: PathBuf,
    session: String,
}

impl Stored {
    pub(crate) fn new(state: &StateDir, session: &str) -> Self {
        Self { directory: state.sessions(), session: file_name(session) }
    }

    fn path(&self, purpose: &str) -> PathBuf {
        self.directory.join(format!("{}.{purpose}", self.session))
    }

    /// Stores a text in place of an earlier one for the same purpose. When it cannot, the earlier one is removed.
    pub(crate) fn put(&self, purpose: &str, text: &str) -> io::Result<()> {
        let written = self.write(purpose, text);
        if written.is_err() {
            let _ = fs::remove_file(self.path(purpose));
        }
        written
    }

    #[expect(clippy::disallowed_methods, reason = "notes of a session, which need not survive a crash")]
    fn write(&self, purpose: &str, text: &str) -> io::Result<()> {
        create_private_directory(&self.directory).map_err(PathError::into_source)?;
        self.sweep();
        let temporary = self.path(&format!("{purpose}.{}.tmp", std::process::id()));
        let mut file = private_options().write(true).create(true).truncate(true).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        drop(file);
        fs::rename(&temporary, self.path(purpose))
    }

    /// Takes the text of a purpose, if it is fresh. Each text is taken once.
    pub(crate) fn take(&self, purpose: &str) -> Option<String> {
        let path = self.path(purpose);
        let mut file = File::open(&path).ok()?;
        // Of several processes that have it open, one removes it.
        fs::remove_file(&path).ok()?;
        let fresh = file.metadata().and_then(|data| data.modified()).is_ok_and(|at| !older(at, FRESH));
        let mut text = String::new();
        (fresh && file.read_to_string(&mut text).is_ok()).then_some(text)
    }

    /// Removes the files of the session.
    pub(crate) fn forget(&self) {
        let ours = format!("{}.", self.session);
        self.remove_where(|name, _| name.starts_with(&ours));
    }

    fn sweep(&self) {
        self.remove_where(|_, modified| older(modified, KEPT));
    }

    fn remove_where(&self, goes: impl Fn(&str, SystemTime) -> bool) {
        for entry in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            let modified = entry.metadata().and_then(|data| data.modified());
            if modified.is_ok_and(|modified| goes(&entry.file_name().to_string_lossy(), modified)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Whether a file is older than a limit. After the clock was set back, none is.
fn older(modified: SystemTime, limit: Duration) -> bool {
    modified.elapsed().is_ok_and(|age| age > limit)
}

/// A session's name as a file name. Hosts use UUIDs; other names must not leave the directory nor equal another's.
fn file_name(session: &str) -> String {
    use std::fmt::Write as _;
    let mut name = String::new();
    // Longer names than file systems accept would be cut alike; no host uses any.
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
    #[cfg(unix)]
    use std::path::Path;

    use super::*;

    #[test]
    fn a_text_is_taken_once_and_unchanged() {
        let root = tempfile::tempdir().unwrap();
        let state = StateDir::new(root.path());
        let (one, two) = (Stored::new(&state, "one"), Stored::new(&state, "two"));
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
    fn files_are_private_and_names_stay_in_the_directory() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let odd = Stored::new(&StateDir::new(root.path()), "../../etc/pass wd");
        odd.put("review", "x").unwrap();
        let folder = root.path().join("sessions");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files, [folder.join("_2e_2e_2f_2e_2e_2fetc_2fpass_20wd.review")]);
        assert_eq!(mode(&files[0]), 0o600);
    }

    #[test]
    fn stale_texts_are_discarded() {
        let root = tempfile::tempdir().unwrap();
        let stored = Stored::new(&StateDir::new(root.path()), "s");
        stored.put("review", "--model old").unwrap();
        let file = OpenOptions::new().write(true).open(stored.path("review")).unwrap();
        file.set_modified(SystemTime::now() - FRESH - Duration::from_secs(1)).unwrap();
        assert_eq!(stored.take("review"), None);
        stored.put("review", "x").unwrap();
        let file = OpenOptions::new().write(true).open(stored.path("review")).unwrap();
        file.set_modified(SystemTime::now() - KEPT - Duration::from_secs(1)).unwrap();
        Stored::new(&StateDir::new(root.path()), "other").put("status", "").unwrap();
        assert!(!stored.path("review").exists());
    }
}

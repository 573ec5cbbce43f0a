//! The broker's log: lines with a time, in a file that is rotated when it is full.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use codex_base::files::private_options;
use codex_base::text::visible_line;

/// Writes lines `SECONDS.MILLIS text` (since 1970). A full file is renamed to `NAME.1`, which replaces the previous one.
///
/// A line that cannot be written is dropped: the broker does not depend on its log.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    limit: u64,
    file: Mutex<Option<(File, u64)>>,
}

impl Log {
    pub(crate) fn open(path: &Path, limit: u64) -> Self {
        Self { path: path.to_owned(), limit, file: Mutex::new(append(path)) }
    }

    pub(crate) fn write(&self, text: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Text from other programs can have line breaks and control characters.
        let text = text.replace(['\n', '\r'], " | ");
        let line = format!("{}.{:03} {}\n", now.as_secs(), now.subsec_millis(), visible_line(&text));
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.as_ref().is_some_and(|(_, length)| *length + line.len() as u64 > self.limit) {
            *file = None;
            let mut old = self.path.clone().into_os_string();
            old.push(".1");
            #[expect(clippy::disallowed_methods, reason = "a log need not survive a crash")]
            drop(std::fs::rename(&self.path, old));
            *file = append(&self.path);
        }
        if let Some((file, length)) = file.as_mut()
            && file.write_all(line.as_bytes()).is_ok()
        {
            *length += line.len() as u64;
        }
    }
}

fn append(path: &Path) -> Option<(File, u64)> {
    let file = private_options().append(true).create(true).open(path).ok()?;
    let length = file.metadata().ok()?.len();
    Some((file, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_is_rotated() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let log = Log::open(&path, 100);
        for number in 0..20 {
            log.write(&format!("line\n{number:03}"));
        }
        let (new, old) = (
            std::fs::read_to_string(&path).unwrap(),
            std::fs::read_to_string(path.with_extension("1")).unwrap(),
        );
        assert!(new.ends_with("line | 019\n") && new.len() <= 100 && old.len() <= 100, "{new}{old}");
    }
}

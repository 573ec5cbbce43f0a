use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::line;
use crate::time::Clock;
use crate::{Error, Result};
use codex_base::atomic::with_suffix;
use codex_base::storage::Storage;

/// Writes the log of a job. It is not synced: kill -9 loses nothing of it, a power cut may lose its end.
///
/// At the size cap the file becomes `<id>.log.1`, in the place of the one before, and a new one begins.
#[derive(Debug)]
pub struct LogWriter {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    path: PathBuf,
    cap: u64,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    length: u64,
}

impl LogWriter {
    pub(crate) fn open(
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        path: PathBuf,
        cap: u64,
    ) -> Result<LogWriter> {
        let open = open(&*storage, &path)?;
        Ok(LogWriter { storage, clock, path, cap, open: Mutex::new(open) })
    }

    /// Where the log is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one message. It stays one line whatever is in it: control characters become visible ones.
    ///
    /// # Errors
    /// What the filesystem says.
    pub fn line(&self, text: &str) -> Result<()> {
        self.append(&line::message(self.clock.now(), text))
    }

    /// Appends a message and, framed under it, a text of many lines. A text of more than half the size cap is
    /// cut, and says so.
    ///
    /// # Errors
    /// What the filesystem says.
    pub fn block(&self, title: &str, body: &str) -> Result<()> {
        let limit = usize::try_from(self.cap / 2).unwrap_or(usize::MAX);
        let mut framed = line::message(self.clock.now(), title);
        if body.len() <= limit {
            framed.push_str(&line::body(body));
        } else {
            let end = (0..=limit).rev().find(|at| body.is_char_boundary(*at)).unwrap_or(0);
            framed.push_str(&line::body(&body[..end]));
            framed.push_str(&line::body(&format!("… ({} more bytes left out)", body.len() - end)));
        }
        self.append(&framed)
    }

    fn append(&self, text: &str) -> Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let added = text.len() as u64;
        if open.length > 0 && open.length + added > self.cap {
            // Where this fails, the log goes on in the same file: a long log is better than a lost one.
            let moved = self.storage.rename(&self.path, &with_suffix(&self.path, ".1"));
            if moved.is_ok() {
                *open = self::open(&*self.storage, &self.path)?;
            }
        }
        self.storage
            .append(&self.path, &open.file, text.as_bytes())
            .map_err(|error| Error::io("write to", &self.path, error))?;
        open.length += added;
        Ok(())
    }
}

/// Opens for appending, and ends a line that a crash has cut.
fn open(storage: &dyn Storage, path: &Path) -> Result<Open> {
    let file = storage.open_append(path).map_err(|error| Error::io("open", path, error))?;
    let mut length = file.metadata().map_err(|error| Error::io("look at", path, error))?.len();
    if length > 0 && last_byte(path).map_err(|error| Error::io("read", path, error))? != b'\n' {
        storage.append(path, &file, b"\n").map_err(|error| Error::io("write to", path, error))?;
        length += 1;
    }
    Ok(Open { file, length })
}

fn last_byte(path: &Path) -> io::Result<u8> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}

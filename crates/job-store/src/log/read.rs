use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::LogLine;
use crate::{Error, Result};

/// How much a tail reads at first, and at most.
const FIRST_TAIL: u64 = 8 * 1024;
const TAIL: u64 = 64 * 1024;
/// A line longer than this is no line of ours; it is handed out in parts.
const MAX_READ: usize = 1024 * 1024;

/// Reads a log from its beginning; an iterator over its lines. A last line without an end is not handed out, as
/// it may still be being written.
#[derive(Debug)]
pub struct LogReader {
    lines: Lines,
}

impl LogReader {
    /// Opens a log, as [`Store::log_path`](crate::Store::log_path) names it.
    ///
    /// # Errors
    /// `Removed` when there is none, or what the filesystem says.
    pub fn open(path: &Path) -> Result<LogReader> {
        let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        Ok(LogReader { lines: Lines::new(file) })
    }
}

impl Iterator for LogReader {
    type Item = io::Result<LogLine>;

    fn next(&mut self) -> Option<Self::Item> {
        self.lines.next().transpose()
    }
}

/// Lines of a growing file: the end of the file is not the end, just nothing for now.
#[derive(Debug)]
pub(super) struct Lines {
    file: BufReader<File>,
    partial: Vec<u8>,
}

impl Lines {
    pub(super) fn new(file: File) -> Self {
        Lines { file: BufReader::with_capacity(32 * 1024, file), partial: Vec::new() }
    }

    pub(super) fn file(&self) -> &File {
        self.file.get_ref()
    }

    /// Goes to an offset, and from there to the next beginning of a line.
    pub(super) fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        if offset > 0 {
            self.file.seek(SeekFrom::Start(offset - 1))?;
            self.file.read_until(b'\n', &mut self.partial)?;
            self.partial.clear();
        }
        Ok(())
    }

    pub(super) fn next(&mut self) -> io::Result<Option<LogLine>> {
        let room = MAX_READ.saturating_sub(self.partial.len()) as u64;
        (&mut self.file).take(room).read_until(b'\n', &mut self.partial)?;
        let ended = self.partial.last() == Some(&b'\n');
        if !ended && self.partial.len() < MAX_READ {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.partial);
        if ended {
            line.pop();
        }
        Ok(Some(LogLine::parse(&String::from_utf8_lossy(&line))))
    }
}

/// The last messages of a log that are not titles of blocks, oldest first.
pub(crate) fn tail(path: &Path, count: usize) -> Result<Vec<LogLine>> {
    let read = || -> io::Result<Vec<LogLine>> {
        let length = File::open(path)?.metadata()?.len();
        let mut messages = messages_after(path, length.saturating_sub(FIRST_TAIL))?;
        if messages.len() < count && length > FIRST_TAIL {
            messages = messages_after(path, length.saturating_sub(TAIL))?;
        }
        messages.drain(..messages.len().saturating_sub(count));
        Ok(messages)
    };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        lines => lines.map_err(|error| Error::io("read", path, error)),
    }
}

fn messages_after(path: &Path, offset: u64) -> io::Result<Vec<LogLine>> {
    let mut lines = Lines::new(File::open(path)?);
    lines.skip_to(offset)?;
    let mut messages = Vec::new();
    let mut in_body = false;
    while let Some(line) = lines.next()? {
        match line {
            LogLine::Message { .. } => {
                messages.push(line);
                in_body = false;
            }
            LogLine::Body(_) => {
                if !in_body {
                    // The message before was the title of this.
                    messages.pop();
                }
                in_body = true;
            }
            LogLine::Torn(_) => {}
        }
    }
    Ok(messages)
}

//! Standard input and output, which the program that started this one may leave late, closed, or non-blocking.

use std::io::{self, ErrorKind, Read, Write};
use std::thread;
use std::time::Duration;

use crate::exit::{Failure, Kind};

/// How long a read of required input waits for data.
pub const PATIENCE: Duration = Duration::from_secs(600);
/// The most bytes of the longest prompt that Codex accepts, with its options.
pub const MOST: usize = 5 * 1_048_576;
/// The time between two attempts on a descriptor that does not block.
const RETRY: Duration = Duration::from_millis(2);

/// Reads to the end, even if the descriptor does not block: the program that started this one can have set `O_NONBLOCK`
/// on the shared pipe, and a read then returns "would block" instead of waiting.
///
/// # Errors
/// The reader's errors, except "would block" and "interrupted".
pub fn read_to_end(mut reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        // What was read before an error stays in `bytes`.
        match reader.read_to_end(&mut bytes) {
            Ok(_) => return Ok(bytes),
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
            Err(error) => return Err(error),
        }
    }
}

/// Whether the reader of standard output has closed it. `false` for a file or a closed descriptor.
#[cfg(unix)]
#[must_use]
pub fn reader_is_gone() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = io::stdout();
    let mut looked = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut looked, Some(&at_once)).is_ok()
        && looked[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

/// Whether the reader of standard output has closed it: on this system only a write shows it.
#[cfg(not(unix))]
#[must_use]
pub fn reader_is_gone() -> bool {
    false
}

/// Reads the available bytes, and waits for some, even if the descriptor does not block. Returns 0 at the end.
///
/// # Errors
/// The reader's errors, except "would block" and "interrupted".
pub fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) => wait(error)?,
            read => return read,
        }
    }
}

/// Why a read ended early.
#[derive(Debug)]
pub enum Unread {
    /// No data arrived for this long.
    Silent(Duration),
    /// There was more data than allowed.
    TooMuch,
    /// The reader failed.
    Failed(io::Error),
}

/// Reads to the end, unless no data arrives for `first`, no more for `between`, or more than `most` bytes arrive: the
/// program that started this one can leave a pipe open that is never closed.
///
/// A separate thread reads. If the read ends early, the thread stays blocked until the process exits.
///
/// # Errors
/// [`Unread`].
pub fn read_within(
    mut reader: impl Read + Send + 'static,
    first: Duration,
    between: Duration,
    most: usize,
) -> Result<Vec<u8>, Unread> {
    let (send, chunks) = std::sync::mpsc::sync_channel::<io::Result<Vec<u8>>>(4);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = read_some(&mut reader, &mut buffer).map(|count| buffer[..count].to_vec());
            let last = read.as_ref().map_or(true, Vec::is_empty);
            if send.send(read).is_err() || last {
                return;
            }
        }
    });
    let (mut bytes, mut limit) = (Vec::new(), first);
    loop {
        match chunks.recv_timeout(limit) {
            Ok(Ok(chunk)) if chunk.is_empty() => return Ok(bytes),
            Ok(Ok(chunk)) => {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > most {
                    return Err(Unread::TooMuch);
                }
            }
            Ok(Err(error)) => return Err(Unread::Failed(error)),
            Err(_) => return Err(Unread::Silent(limit)),
        }
        limit = between;
    }
}

/// Reads the raw argument string of `--arguments-stdin`.
///
/// # Errors
/// The reader's errors, and bytes that are not UTF-8.
pub fn read_arguments(reader: impl Read + Send + 'static) -> Result<String, Failure> {
    let bytes = read_within(reader, PATIENCE, PATIENCE, MOST).map_err(|unread| {
        let message = "cannot read the arguments from standard input";
        match unread {
            Unread::Failed(error) => Failure::new(Kind::Io, message).caused_by(error),
            Unread::TooMuch => {
                Failure::new(Kind::PromptTooLong, format!("{message}: more than {MOST} bytes"))
            }
            Unread::Silent(limit) => {
                Failure::new(Kind::Prompt, format!("{message}: no data arrived for {} s", limit.as_secs()))
            }
        }
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::new(Kind::Prompt, format!("the arguments on standard input are not UTF-8 (byte {at})"))
    })
}

/// The output of a command. A reader that closes it is not an error: the rest is discarded.
#[derive(Debug)]
pub struct Output<W> {
    writer: W,
    closed: bool,
}

impl<W: Write> Output<W> {
    /// An output over a writer, standard output in the program.
    pub const fn new(writer: W) -> Self {
        Self { writer, closed: false }
    }

    /// Writes the whole text and flushes it.
    ///
    /// # Errors
    /// A write error, except that the reader has closed the output.
    pub fn write(&mut self, text: &str) -> Result<(), Failure> {
        self.write_bytes(text.as_bytes())
    }

    /// Writes all bytes and flushes them.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        match write_all(&mut self.writer, bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => Err(Failure::new(Kind::Io, "cannot write to standard output").caused_by(error)),
            Ok(()) => Ok(()),
        }
    }

    /// Whether the reader has closed the output.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }
}

fn write_all(writer: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match writer.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) => wait(error)?,
        }
    }
    loop {
        match writer.flush() {
            Ok(()) => return Ok(()),
            Err(error) => wait(error)?,
        }
    }
}

fn wait(error: io::Error) -> io::Result<()> {
    match error.kind() {
        ErrorKind::Interrupted => Ok(()),
        ErrorKind::WouldBlock => {
            thread::sleep(RETRY);
            Ok(())
        }
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Answers from a script, then with end of file or success.
    #[derive(Default)]
    struct Scripted {
        answers: VecDeque<Result<usize, ErrorKind>>,
        seen: Vec<u8>,
    }

    impl Scripted {
        fn new(answers: &[Result<usize, ErrorKind>]) -> Self {
            Self { answers: answers.iter().copied().collect(), seen: Vec::new() }
        }
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = self.answers.pop_front().unwrap_or(Ok(bytes.len()))?.min(bytes.len());
            self.seen.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Read for Scripted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.answers.pop_front().unwrap_or(Ok(0))?.min(buffer.len());
            buffer[..count].fill(b'x');
            Ok(count)
        }
    }

    #[test]
    fn d06_a_read_waits_for_a_late_writer() {
        let late = [
            Err(ErrorKind::WouldBlock),
            Ok(3),
            Err(ErrorKind::WouldBlock),
            Err(ErrorKind::Interrupted),
            Ok(2),
        ];
        assert_eq!(read_to_end(Scripted::new(&late)).unwrap(), b"xxxxx");
        let broken = [Ok(1), Err(ErrorKind::ConnectionReset)];
        assert_eq!(read_to_end(Scripted::new(&broken)).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }

    #[test]
    fn a_slow_reader_gets_everything() {
        let slow = [Ok(1), Err(ErrorKind::WouldBlock), Err(ErrorKind::Interrupted), Ok(2)];
        let mut output = Output::new(Scripted::new(&slow));
        output.write("hello").unwrap();
        assert_eq!(output.writer.seen, b"hello");
    }

    #[test]
    fn a_closed_reader_is_not_an_error() {
        let mut output = Output::new(Scripted::new(&[Ok(2), Err(ErrorKind::BrokenPipe)]));
        output.write("hello").unwrap();
        assert!(output.is_closed());
        output.write("more").unwrap();
        assert_eq!(output.writer.seen, b"he");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut output = Output::new(Scripted::new(&[Err(ErrorKind::StorageFull)]));
        let failure = output.write("hello").unwrap_err();
        assert_eq!(failure.to_string(), "cannot write to standard output");
        assert_eq!(crate::exit::Exit::from(&failure).code(), 1);
        assert!(!output.is_closed());
    }
}

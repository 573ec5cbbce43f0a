//! Standard input and output, as programs that start us leave them: late, closed, or not blocking.

use std::io::{self, ErrorKind, Read, Write};
use std::thread;
use std::time::Duration;

use crate::exit::{Failure, Kind};

/// How long a standard input that must hold something may be silent.
pub const PATIENCE: Duration = Duration::from_secs(600);
/// The most bytes that a prompt of the most characters that Codex takes can have, flags before it included.
pub const MOST: usize = 5 * 1_048_576;
/// How long to wait before trying again where a descriptor that should block does not.
const RETRY: Duration = Duration::from_millis(2);

/// Reads to the end, however late the writer is and whether or not the descriptor blocks.
///
/// Whoever started us may have set `O_NONBLOCK` on the pipe that we share; then a read says "would block" where it
/// should wait.
///
/// # Errors
/// What the reader says, other than "would block" and "interrupted".
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

/// Whether whoever was to read our standard output has closed it. Never where nobody was: a file, or nothing.
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

/// Whether whoever was to read our standard output has closed it: here it shows only in writing.
#[cfg(not(unix))]
#[must_use]
pub fn reader_is_gone() -> bool {
    false
}

/// Reads what there is, waiting for it however the descriptor is set; nothing at the end.
///
/// # Errors
/// What the reader says, other than "would block" and "interrupted".
pub fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) => wait(error)?,
            read => return read,
        }
    }
}

/// Why a read was given up.
#[derive(Debug)]
pub enum Unread {
    /// Nothing came for so long.
    Silent(Duration),
    /// More came than was to be read.
    TooMuch,
    /// What the reader says.
    Failed(io::Error),
}

/// Reads to the end, unless nothing comes for `first`, or nothing more for `between`, or more than `most` bytes come: a program that starts us may leave
/// us a pipe that nobody ever closes.
///
/// The reading goes on in a thread of its own, which a given-up read leaves blocked until the process ends.
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
/// What the reader says, and bytes that are not UTF-8.
pub fn read_arguments(reader: impl Read + Send + 'static) -> Result<String, Failure> {
    let bytes = read_within(reader, PATIENCE, PATIENCE, MOST).map_err(|unread| {
        let message = "cannot read the arguments from standard input";
        match unread {
            Unread::Failed(error) => Failure::new(Kind::Io, message).caused_by(error),
            Unread::TooMuch => {
                Failure::new(Kind::PromptTooLong, format!("{message}: more than {MOST} bytes"))
            }
            Unread::Silent(limit) => {
                Failure::new(Kind::Prompt, format!("{message}: nothing came for {} s", limit.as_secs()))
            }
        }
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::new(Kind::Prompt, format!("the arguments on standard input are not UTF-8 (byte {at})"))
    })
}

/// Where answers go. A reader that went away is no error: what it did not want to see is dropped in silence.
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
    /// What keeps it from being written, other than that nobody reads any more.
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

    /// Whether the reader has gone.
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
    fn d06_a_late_writer_is_waited_for() {
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
    fn a_reader_that_left_is_no_error() {
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

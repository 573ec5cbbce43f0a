//! Diagnostics: what the program logs, and where.
//!
//! Logging is off unless `--verbose`, `--log FILE`, `CODEX_COMPANION_LOG` or `RUST_LOG` requests it. When it is off there is
//! no subscriber, and a log statement costs one comparison.
//!
//! Only events of our own crates are logged: other crates may log what they transport, and that includes prompts. Each
//! event is one line, cleaned of control characters and redacted ([`Redactor`]).

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterFn, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::{fmt, registry};

use crate::args::GlobalArgs;
use crate::environment::{Environment, secret_values};
use crate::exit::{Failure, Kind};
use codex_base::text::Redactor;
use codex_base::text::one_line;

/// The targets of our crates begin with this.
const OURS: &str = "codex";
/// The most characters of a log line.
const LONGEST: usize = 4000;

/// Starts logging if it was requested. Later calls in the same process change nothing.
///
/// # Errors
/// The log file cannot be written.
pub fn start(global: &GlobalArgs, environment: &Environment) -> Result<(), Failure> {
    let file = global.log.as_deref().or(environment.log_file.as_deref());
    if global.verbose == 0 && file.is_none() && environment.log.is_none() {
        return Ok(());
    }
    let sink = match file {
        Some(path) => Sink::File(open(path)?),
        None => Sink::Stderr,
    };
    let redactor = Redactor::new(environment.home.as_deref(), secret_values());
    let lines = Arc::new(Lines { sink, redactor, failed: AtomicBool::new(false) });
    let filter = match (global.verbose, environment.log.as_deref()) {
        (0, Some(text)) => Targets::from_str(text).unwrap_or_else(|_| {
            // The value is not shown: it can be anything.
            let _ = writeln!(io::stderr(), "codex: RUST_LOG is ignored: it is not a list of TARGET=LEVEL");
            Targets::new()
        }),
        (0 | 2, _) => Targets::new().with_default(Level::DEBUG),
        (1, _) => Targets::new().with_default(Level::INFO),
        (_, _) => Targets::new().with_default(Level::TRACE),
    };
    let most = filter.iter().map(|(_, level)| level).chain(filter.default_level()).max();
    let filter = FilterFn::new(move |metadata| {
        metadata.target().starts_with(OURS) && filter.would_enable(metadata.target(), metadata.level())
    })
    .with_max_level_hint(most.unwrap_or(LevelFilter::OFF));
    let writer = move || Writer(Arc::clone(&lines));
    let layer =
        fmt::layer().with_ansi(false).log_internal_errors(false).with_writer(writer).with_filter(filter);
    // Fails if a subscriber exists already, which then continues to log.
    let _ = tracing::subscriber::set_global_default(registry().with(layer));
    Ok(())
}

/// Opens a log file to append to it. A new file is readable by its owner only.
fn open(path: &Path) -> Result<File, Failure> {
    let kind = path.metadata().map(|metadata| metadata.file_type());
    let usable = match &kind {
        Ok(kind) if kind.is_dir() => Err("it is a directory"),
        // Opening a pipe would wait for a reader.
        Ok(kind) if !kind.is_file() && !is_device(*kind) => Err("it is not a regular file"),
        _ => Ok(()),
    };
    let opened = usable.map_err(io::Error::other).and_then(|()| {
        let mut options = File::options();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.append(true).create(true).open(path)
    });
    opened.map_err(|error| {
        Failure::new(Kind::Usage, format!("cannot write the log file {}", path.display()))
            .caused_by(error)
            .with_hint("name a file in a directory that you can write to")
    })
}

#[cfg(unix)]
fn is_device(kind: std::fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_char_device(&kind)
}

#[cfg(not(unix))]
fn is_device(_: std::fs::FileType) -> bool {
    false
}

/// Where log lines go.
struct Lines {
    sink: Sink,
    redactor: Redactor,
    failed: AtomicBool,
}

enum Sink {
    Stderr,
    File(File),
}

impl Lines {
    fn write(&self, event: &str) {
        let line = format!("{}\n", self.redactor.redact(&one_line(event, LONGEST)));
        let written = match &self.sink {
            Sink::Stderr => io::stderr().lock().write_all(line.as_bytes()),
            // One write per line: several processes can append to the same file.
            Sink::File(file) => Write::write_all(&mut &*file, line.as_bytes()),
        };
        // The command continues without its log.
        if let (Err(error), Sink::File(_)) = (&written, &self.sink)
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            let _ = writeln!(io::stderr(), "codex: the log is incomplete: {error}");
        }
    }
}

/// The formatter writes each event at once.
struct Writer(Arc<Lines>);

impl Write for Writer {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.write(&String::from_utf8_lossy(event));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_log_file_that_cannot_be_written_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let failure = open(directory.path()).unwrap_err();
        assert_eq!((failure.kind(), Exit::from(&failure).code()), (Kind::Usage, 2));
        assert_eq!(failure.causes(), ["it is a directory"]);
        assert!(open(&directory.path().join("missing/log")).is_err());
    }

    #[test]
    fn a_log_file_is_appended_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        std::fs::write(&path, "before\n").unwrap();
        let redactor = Redactor::new(Some(Path::new("/home/ada")), ["hunter22".into()]);
        let sink = Sink::File(open(&path).unwrap());
        let lines = Lines { sink, redactor, failed: AtomicBool::new(false) };
        lines.write("two\nlines \x1b[31mof hunter22 in /home/ada/x\n");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "before\ntwo lines of [removed] in ~/x\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_new_log_file_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        open(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

//! Progress on stderr while a turn runs.
//!
//! On a terminal: one live line with phase, elapsed time and the last activity, redrawn by [`Progress::tick`] and erased at
//! the end; notes are printed above it. Elsewhere: one plain line for each new phase and each note. With `--quiet`: nothing.
//!
//! Write errors are ignored: stderr may be closed, and the command continues without its progress.

use std::io::Write;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use codex_companion_core::RunObserver;
pub use codex_companion_core::TICK;
use unicode_width::UnicodeWidthChar as _;

use codex_base::duration;
use codex_base::text::one_line;

/// The most characters of a shown text.
const LONGEST: usize = 400;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One live line, at most this many columns wide.
    Live {
        /// Columns of the terminal.
        width: usize,
        /// Whether the phase is coloured.
        colour: bool,
    },
    /// Plain lines.
    Plain,
    /// Nothing.
    Silent,
}

impl Mode {
    /// Returns the mode for a standard error with this many columns, or that is not a terminal.
    #[must_use]
    pub const fn choose(quiet: bool, terminal: Option<usize>, no_color: bool) -> Self {
        match terminal {
            _ if quiet => Self::Silent,
            Some(width) => Self::Live { width, colour: !no_color },
            None => Self::Plain,
        }
    }
}

/// Returns the columns of the terminal on standard error; `None` if it is not a terminal.
#[must_use]
pub fn terminal_width() -> Option<usize> {
    use std::io::IsTerminal as _;
    let stderr = std::io::stderr();
    if !stderr.is_terminal() {
        return None;
    }
    Some(terminal_size::terminal_size_of(&stderr).map_or(80, |(width, _)| usize::from(width.0)))
}

/// Shows the progress of a turn. Dropping it erases the live line.
#[derive(Debug)]
pub struct Progress<W: Write, C: Fn() -> Duration> {
    writer: W,
    clock: C,
    mode: Mode,
    started: Duration,
    phase: String,
    activity: String,
    last_note: String,
    drawn: bool,
}

impl<W: Write, C: Fn() -> Duration> Progress<W, C> {
    /// Starts at the current time. `clock` returns the time since a fixed moment.
    pub fn new(writer: W, mode: Mode, clock: C) -> Self {
        let started = clock();
        let (phase, activity, last_note) = (String::new(), String::new(), String::new());
        Self { writer, clock, mode, started, phase, activity, last_note, drawn: false }
    }

    /// Shows a phase: `reviewing`, `running`, … The same phase again changes nothing.
    pub fn phase(&mut self, phase: &str) {
        let phase = one_line(phase, LONGEST);
        if phase == self.phase || phase.is_empty() {
            return;
        }
        self.phase = phase;
        self.activity.clear();
        match self.mode {
            Mode::Live { .. } => self.draw(),
            Mode::Plain => self.line(&format!("codex: {}", self.phase)),
            Mode::Silent => {}
        }
    }

    /// Shows the activity within the phase, at the next tick; on a terminal only.
    pub fn activity(&mut self, activity: &str) {
        if matches!(self.mode, Mode::Live { .. }) {
            self.activity = one_line(activity, LONGEST);
        }
    }

    /// Prints a note on a line of its own: a warning, a retry. The same note twice in a row is printed once.
    pub fn note(&mut self, note: &str) {
        let note = one_line(note, LONGEST);
        if note == self.last_note || self.mode == Mode::Silent {
            return;
        }
        self.erase();
        self.line(&format!("codex: {note}"));
        self.last_note = note;
        self.tick();
    }

    /// Redraws the live line; does nothing elsewhere. Call it every [`TICK`].
    pub fn tick(&mut self) {
        if matches!(self.mode, Mode::Live { .. }) && !self.phase.is_empty() {
            self.draw();
        }
    }

    /// Sets a new width of the terminal.
    pub fn resize(&mut self, columns: usize) {
        if let Mode::Live { width, .. } = &mut self.mode {
            *width = columns;
        }
    }

    /// Erases the live line. The next phase, note or tick draws it again.
    pub fn finish(&mut self) {
        self.erase();
    }

    fn draw(&mut self) {
        let Mode::Live { width, colour } = self.mode else { return };
        let elapsed = duration::format((self.clock)().saturating_sub(self.started));
        let mut text = format!("{} {elapsed}", self.phase);
        if !self.activity.is_empty() {
            text.push_str("  ");
            text.push_str(&self.activity);
        }
        // The last column stays free: some terminals wrap when it is written.
        let fitting = fit(&text, width.saturating_sub(1));
        let painted = match fitting.strip_prefix(&self.phase) {
            Some(rest) if colour => format!("\x1b[36m{}\x1b[0m{rest}", self.phase),
            _ => fitting.to_owned(),
        };
        let _ = write!(self.writer, "\r{painted}\x1b[K");
        let _ = self.writer.flush();
        self.drawn = true;
    }

    fn erase(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = write!(self.writer, "\r\x1b[K");
            let _ = self.writer.flush();
        }
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.writer, "{text}");
        let _ = self.writer.flush();
    }
}

impl<W: Write, C: Fn() -> Duration> Drop for Progress<W, C> {
    fn drop(&mut self) {
        self.erase();
    }
}

/// The beginning of a text that fits. Characters of ambiguous width count as two columns, so that a line can end early but
/// never wraps.
fn fit(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        used += character.width_cjk().unwrap_or(0);
        if used > columns {
            return &text[..at];
        }
    }
    text
}

/// Progress on standard error.
pub type StderrProgress = Progress<std::io::Stderr, fn() -> Duration>;

/// A progress display on standard error that starts now.
#[must_use]
pub fn on_stderr(mode: Mode) -> StderrProgress {
    fn clock() -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
    Progress::new(std::io::stderr(), mode, clock)
}

impl<W: Write + Send, C: Fn() -> Duration + Send> RunObserver for Progress<W, C> {
    fn phase(&mut self, phase: &str) {
        Self::phase(self, phase);
    }

    fn activity(&mut self, what: &str, _ended: bool) {
        Self::activity(self, what);
    }

    fn note(&mut self, note: &str) {
        Self::note(self, note);
    }

    fn tick(&mut self) {
        Self::tick(self);
    }

    fn finish(&mut self) {
        Self::finish(self);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Calls `steps` with a progress in this mode, and returns its output. The clock advances a second at each reading.
    fn written(mode: Mode, steps: impl FnOnce(&mut Progress<&mut Vec<u8>, &dyn Fn() -> Duration>)) -> String {
        let seconds = Cell::new(0);
        let clock = || {
            seconds.set(seconds.get() + 1);
            Duration::from_secs(seconds.get() - 1)
        };
        let mut output = Vec::new();
        let mut progress = Progress::new(&mut output, mode, &clock as &dyn Fn() -> Duration);
        steps(&mut progress);
        drop(progress);
        String::from_utf8(output).unwrap()
    }

    const LIVE: Mode = Mode::Live { width: 40, colour: false };

    #[test]
    fn plain_lines_are_printed_for_phases_and_notes_only() {
        let output = written(Mode::Plain, |progress| {
            progress.phase("starting");
            for _ in 0..100 {
                progress.tick();
                progress.activity("reading a.rs");
            }
            progress.phase("reviewing");
            progress.phase("reviewing");
            progress.note("reconnecting 1/2");
            progress.note("reconnecting 1/2");
            progress.finish();
        });
        assert_eq!(output, "codex: starting\ncodex: reviewing\ncodex: reconnecting 1/2\n");
    }

    #[test]
    fn the_live_line_is_redrawn_and_erased() {
        let output = written(LIVE, |progress| {
            progress.tick();
            progress.phase("reviewing");
            progress.activity("reading a.rs");
            progress.tick();
            progress.note("careful");
            progress.finish();
            progress.finish();
        });
        assert_eq!(
            output,
            "\rreviewing 1s\x1b[K\
             \rreviewing 2s  reading a.rs\x1b[K\
             \r\x1b[Kcodex: careful\n\
             \rreviewing 3s  reading a.rs\x1b[K\
             \r\x1b[K"
        );
    }

    #[test]
    fn dropping_erases_the_line() {
        assert!(written(LIVE, |progress| progress.phase("x")).ends_with("\r\x1b[K"));
        assert_eq!(written(LIVE, |_| {}), "");
    }

    #[test]
    fn a_long_line_never_wraps() {
        let output = written(Mode::Live { width: 20, colour: false }, |progress| {
            progress.phase("reviewing");
            progress.activity("世界世界世界世界世界");
            progress.resize(16);
            progress.tick();
        });
        assert!(output.contains("\rreviewing 2s  \x1b[K"), "{output:?}");
        assert_eq!((fit("世界", 3), fit("世界", 4), fit("abc", 3), fit("abc", 0)), ("世", "世界", "abc", ""));
    }

    #[test]
    fn d21_text_is_sanitised_to_one_line() {
        for mode in [LIVE, Mode::Plain] {
            let output = written(mode, |progress| {
                progress.phase("re\x1b]0;t\x07view\ning");
                progress.activity("a\x1b[31m\rb");
                progress.note("n\x1b[2J\nm");
            });
            let ours = output.replace("\r\x1b[K", "").replace("\x1b[K", "").replace('\r', "");
            assert!(!ours.contains('\x1b') && output.contains("codex: n m\n"), "{output:?}");
        }
    }

    #[test]
    fn the_mode_depends_on_quiet_terminal_and_no_color() {
        assert_eq!(Mode::choose(true, Some(80), false), Mode::Silent);
        assert_eq!(Mode::choose(false, Some(80), false), Mode::Live { width: 80, colour: true });
        assert_eq!(Mode::choose(false, Some(80), true), Mode::Live { width: 80, colour: false });
        assert_eq!(Mode::choose(false, None, false), Mode::Plain);
        assert_eq!(
            written(Mode::Silent, |progress| {
                progress.phase("x");
                progress.note("y");
                progress.tick();
            }),
            ""
        );
        let painted = written(Mode::Live { width: 40, colour: true }, |progress| progress.phase("x"));
        assert!(painted.starts_with("\r\x1b[36mx\x1b[0m 1s\x1b[K"), "{painted:?}");
    }

    #[test]
    fn elapsed_times_are_short() {
        let table = [(0, "0s"), (59, "59s"), (65, "1m 05s"), (3599, "59m 59s"), (7380, "2h 03m")];
        for (seconds, expected) in table {
            assert_eq!(duration::format(Duration::from_secs(seconds)), expected);
        }
    }
}

//! Who is told how a run goes on.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::progress::Mode;

/// Is told how a run goes on. Called between two looks at the turn, so an implementation should be quick.
pub trait Watch {
    /// The run does something else now: `starting`, `reviewing`, ….
    fn phase(&mut self, phase: &str);
    /// What is being done within the phase, or was when it is `over`.
    fn activity(&mut self, what: &str, over: bool);
    /// Something worth a line of its own.
    fn note(&mut self, note: &str);
    /// The turn was begun.
    fn began(&mut self, thread: &str, turn: &str) {
        let _ = (thread, turn);
    }
    /// Time has passed.
    fn tick(&mut self) {}
    /// Nothing more comes.
    fn finish(&mut self) {}
}

/// Progress on standard error.
pub type Progress = crate::progress::Progress<std::io::Stderr, fn() -> Duration>;

/// A progress display that begins now.
#[must_use]
pub fn progress(mode: Mode) -> Progress {
    fn clock() -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
    Progress::new(std::io::stderr(), mode, clock)
}

impl Watch for Progress {
    fn phase(&mut self, phase: &str) {
        Self::phase(self, phase);
    }

    fn activity(&mut self, what: &str, _over: bool) {
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

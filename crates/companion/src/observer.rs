//! Receives the progress of a run.

use std::time::Duration;

/// How often [`RunObserver::tick`] is called while a turn runs.
pub const TICK: Duration = Duration::from_millis(125);

/// Receives the progress of a run. All methods are called from the task that drives the turn, so an implementation must
/// return quickly. `Send`, so that a run can be part of a task of any runtime.
pub trait RunObserver: Send {
    /// The run entered another phase: `starting`, `reviewing`, …
    fn phase(&mut self, phase: &str) {
        let _ = phase;
    }
    /// An activity within the phase began, or has ended when `ended` is set.
    fn activity(&mut self, what: &str, ended: bool) {
        let _ = (what, ended);
    }
    /// A message of its own: a warning, a retry.
    fn note(&mut self, note: &str) {
        let _ = note;
    }
    /// The turn was started.
    fn started(&mut self, thread: &str, turn: &str) {
        let _ = (thread, turn);
    }
    /// Called every [`TICK`].
    fn tick(&mut self) {}
    /// The last call of a run.
    fn finish(&mut self) {}
}

/// Ignores the progress.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl RunObserver for NoProgress {}

impl<T: RunObserver + ?Sized> RunObserver for &mut T {
    fn phase(&mut self, phase: &str) {
        (**self).phase(phase);
    }
    fn activity(&mut self, what: &str, ended: bool) {
        (**self).activity(what, ended);
    }
    fn note(&mut self, note: &str) {
        (**self).note(note);
    }
    fn started(&mut self, thread: &str, turn: &str) {
        (**self).started(thread, turn);
    }
    fn tick(&mut self) {
        (**self).tick();
    }
    fn finish(&mut self) {
        (**self).finish();
    }
}

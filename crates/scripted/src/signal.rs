//! State that one side changes and another waits for, from async code and from plain threads alike.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// A value whose changes can be awaited.
#[derive(Debug, Default)]
pub(super) struct Watched<T> {
    value: Mutex<T>,
    condvar: Condvar,
    notify: Notify,
}

impl<T> Watched<T> {
    pub(super) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), condvar: Condvar::new(), notify: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        // A test that panicked while it held the lock is failing already; the value itself is never half-changed.
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock())
    }

    pub(super) fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.lock());
        self.condvar.notify_all();
        self.notify.notify_waiters();
        result
    }

    /// Waits until `holds`. Cancel safe.
    pub(super) async fn until(&self, holds: impl Fn(&T) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.notify.notified());
            // Registered before the look, so that a change between look and wait is not missed.
            changed.as_mut().enable();
            if self.read(&holds) {
                return;
            }
            changed.await;
        }
    }

    /// Blocks this thread until `holds` or until `limit` has passed; says whether it holds.
    pub(super) fn until_within(&self, limit: Duration, holds: impl Fn(&T) -> bool) -> bool {
        let deadline = Instant::now() + limit;
        let mut value = self.lock();
        loop {
            if holds(&value) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            value = self.condvar.wait_timeout(value, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Holds scripted replies until they are released.
///
/// Clones are the same gate. It starts closed, and once released it stays open. A test holds a reply at a gate,
/// waits until it was [`reached`](Gate::reached), acts while the other side is known to be waiting, and calls
/// [`release`](Gate::release).
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Watched<GateState>>);

#[derive(Debug, Default)]
struct GateState {
    released: bool,
    arrivals: usize,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everything that waits here pass, now and from now on.
    pub fn release(&self) {
        self.0.update(|state| state.released = true);
    }

    /// Whether [`release`](Gate::release) was called.
    pub fn is_released(&self) -> bool {
        self.0.read(|state| state.released)
    }

    /// How many arrived here so far, those included that have passed since.
    pub fn arrivals(&self) -> usize {
        self.0.read(|state| state.arrivals)
    }

    /// Waits until at least `count` have arrived. It has no limit of its own: put a timeout around it. Cancel safe.
    pub async fn reached(&self, count: usize) {
        self.0.until(|state| state.arrivals >= count).await;
    }

    /// Blocks this thread until at least `count` have arrived or `limit` has passed; says whether they did.
    pub fn reached_within(&self, count: usize, limit: Duration) -> bool {
        self.0.until_within(limit, |state| state.arrivals >= count)
    }

    /// Arrives, and waits until the gate is released. Cancel safe, but an arrival stays counted.
    pub async fn pass(&self) {
        self.0.update(|state| state.arrivals += 1);
        self.0.until(|state| state.released).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_gate_holds_until_it_is_released_and_stays_open() {
        let gate = Gate::new();
        let held = tokio::spawn({
            let gate = gate.clone();
            async move { gate.pass().await }
        });
        gate.reached(1).await;
        assert!(!held.is_finished() && !gate.is_released());
        gate.release();
        held.await.unwrap();
        gate.pass().await;
        assert_eq!(gate.arrivals(), 2);
    }

    #[test]
    fn threads_wait_for_a_gate_with_a_limit() {
        let gate = Gate::new();
        assert!(!gate.reached_within(1, Duration::from_millis(1)));
        let arriving = std::thread::spawn({
            let gate = gate.clone();
            move || tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(gate.pass())
        });
        assert!(gate.reached_within(1, Duration::from_secs(30)));
        gate.release();
        arriving.join().unwrap();
    }
}

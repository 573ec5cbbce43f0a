//! Messages that name a thread without a known owner.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

/// Holds frames by thread, in order, within limits. Beyond a limit, the frames of the oldest thread are dropped.
#[derive(Debug)]
pub(super) struct Early {
    held: HashMap<Box<str>, Vec<Bytes>>,
    /// The threads, the oldest first.
    order: VecDeque<Box<str>>,
    frames: usize,
    bytes: usize,
    max_frames: usize,
    max_bytes: usize,
}

impl Early {
    pub(super) fn new(max_frames: usize, max_bytes: usize) -> Self {
        Self { held: HashMap::new(), order: VecDeque::new(), frames: 0, bytes: 0, max_frames, max_bytes }
    }

    pub(super) fn len(&self) -> usize {
        self.frames
    }

    /// Holds a copy of a frame. Returns the frames that were dropped for it.
    pub(super) fn push(&mut self, thread: &str, frame: &Bytes) -> Vec<Bytes> {
        if !self.held.contains_key(thread) {
            self.order.push_back(thread.into());
        }
        // A copy: the frame shares the read buffer with its neighbours, and would keep all of it alive.
        self.held.entry(thread.into()).or_default().push(Bytes::copy_from_slice(frame));
        self.frames += 1;
        self.bytes += frame.len();
        let mut dropped = Vec::new();
        while self.frames > self.max_frames || self.bytes > self.max_bytes {
            let Some(oldest) = self.order.front().cloned() else { break };
            dropped.extend(self.take(&oldest));
        }
        dropped
    }

    /// Removes and returns the frames of a thread, in order.
    pub(super) fn take(&mut self, thread: &str) -> Vec<Bytes> {
        if self.frames == 0 {
            return Vec::new();
        }
        let taken = self.held.remove(thread).unwrap_or_default();
        if !taken.is_empty() {
            self.order.retain(|held| **held != *thread);
            self.frames -= taken.len();
            self.bytes -= taken.iter().map(Bytes::len).sum::<usize>();
        }
        taken
    }

    /// Removes and returns all frames.
    pub(super) fn clear(&mut self) -> Vec<Bytes> {
        let order = std::mem::take(&mut self.order);
        self.frames = 0;
        self.bytes = 0;
        order.iter().flat_map(|thread| self.held.remove(thread).unwrap_or_default()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_thread_is_dropped_first() {
        let mut early = Early::new(3, 100);
        let frame = |text: &'static str| Bytes::from_static(text.as_bytes());
        assert!(early.push("a", &frame("1")).is_empty());
        assert!(early.push("b", &frame("2")).is_empty());
        assert!(early.push("a", &frame("3")).is_empty());
        assert_eq!(early.push("c", &frame("4")), [frame("1"), frame("3")]);
        assert_eq!((early.take("b"), early.take("b").len(), early.len()), (vec![frame("2")], 0, 1));
        let long = Bytes::from(vec![b'x'; 101]);
        assert_eq!(early.push("d", &long), [frame("4"), long.clone()]);
        assert_eq!((early.len(), early.clear().len()), (0, 0));
    }
}

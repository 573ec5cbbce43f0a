//! The events of one turn, on their way from the connection's task to the caller.
//!
//! The connection's task must never wait for a reader, and a reader on the same thread may not run for a long time. So the
//! queue joins what can be joined: a delta of a message is appended to a delta of the same item that still waits. Only
//! when [`MAX_EVENTS`] other events wait, or [`MAX_BYTES`] of text and items, is anything left out, and then
//! [`TurnEvent::Missed`] takes its place.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::Stream;

use crate::turn::TurnEvent;

/// How many events wait for a reader.
const MAX_EVENTS: usize = 1024;
/// How many bytes of text, commands and diffs wait for a reader.
const MAX_BYTES: usize = 64 * 1024 * 1024;

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<TurnEvent>,
    bytes: usize,
    closed: bool,
    reader: Option<Waker>,
}

impl Queue {
    fn push(&mut self, event: TurnEvent) {
        let bytes = event.size();
        let last = self.waiting.back_mut();
        if self.bytes + bytes <= MAX_BYTES {
            if let (
                Some(TurnEvent::MessageDelta { item_id, text }),
                TurnEvent::MessageDelta { item_id: same, text: more },
            ) = (last, &event)
                && item_id == same
            {
                text.push_str(more);
                self.bytes += bytes;
                return;
            }
            // `Ended` always has a place: it tells the reader that the outcome is known.
            if self.waiting.len() < MAX_EVENTS || matches!(event, TurnEvent::Ended) {
                self.bytes += bytes;
                return self.waiting.push_back(event);
            }
        }
        match self.waiting.back_mut() {
            Some(TurnEvent::Missed { events }) => *events += 1,
            _ => self.waiting.push_back(TurnEvent::Missed { events: 1 }),
        }
    }

    fn pop(&mut self) -> Option<TurnEvent> {
        let event = self.waiting.pop_front()?;
        self.bytes -= event.size();
        Some(event)
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The writing end. Dropping it ends the stream once what waits was read.
#[derive(Debug)]
pub(super) struct EventSender(Arc<Mutex<Queue>>);

impl EventSender {
    /// Adds events without waiting.
    pub(super) fn send(&self, events: Vec<TurnEvent>) {
        if events.is_empty() {
            return;
        }
        let reader = {
            let mut queue = lock(&self.0);
            events.into_iter().for_each(|event| queue.push(event));
            queue.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        let reader = {
            let mut queue = lock(&self.0);
            queue.closed = true;
            queue.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// The events of a turn, in order: a [`Stream`] that ends after [`TurnEvent::Ended`].
///
/// Not reading it costs nothing but what waits in it: 1024 events and 64 MiB at most. The outcome does not depend on it.
#[derive(Debug)]
pub struct TurnEvents(Arc<Mutex<Queue>>);

impl TurnEvents {
    /// The next event, or `None` when the turn is over and all its events were read. Cancel safe.
    pub async fn next(&mut self) -> Option<TurnEvent> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<TurnEvent>> {
        let mut queue = lock(&self.0);
        match queue.pop() {
            Some(event) => Poll::Ready(Some(event)),
            None if queue.closed => Poll::Ready(None),
            None => {
                queue.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Stream for TurnEvents {
    type Item = TurnEvent;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<TurnEvent>> {
        self.get_mut().poll(context)
    }
}

/// A queue for one turn.
pub(super) fn queue() -> (EventSender, TurnEvents) {
    let queue = Arc::new(Mutex::new(Queue::default()));
    (EventSender(Arc::clone(&queue)), TurnEvents(queue))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::Phase;

    fn delta(item: &str, text: &str) -> TurnEvent {
        TurnEvent::MessageDelta { item_id: item.into(), text: text.to_owned() }
    }

    fn drained(events: Vec<TurnEvent>) -> Vec<TurnEvent> {
        let (sender, mut receiver) = queue();
        sender.send(events);
        drop(sender);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut read = Vec::new();
            while let Some(event) = receiver.next().await {
                read.push(event);
            }
            read
        })
    }

    #[test]
    fn e60_deltas_of_one_item_are_joined() {
        let read = drained(vec![delta("a", "x"), delta("a", "y"), delta("b", "z"), delta("a", "w")]);
        assert_eq!(read, [delta("a", "xy"), delta("b", "z"), delta("a", "w")]);
    }

    #[test]
    fn e60_a_full_queue_reports_how_much_it_left_out() {
        let mut events: Vec<_> = (0..MAX_EVENTS + 10).map(|_| TurnEvent::Phase(Phase::Running)).collect();
        events.push(TurnEvent::Ended);
        let read = drained(events);
        assert_eq!(read.len(), MAX_EVENTS + 2);
        assert_eq!(read[MAX_EVENTS..], [TurnEvent::Missed { events: 10 }, TurnEvent::Ended]);
    }

    #[test]
    fn e60_text_beyond_the_limit_is_reported_as_missed() {
        let half = "x".repeat(MAX_BYTES / 2);
        let read = drained(vec![delta("a", &half), delta("a", &half), delta("a", "more"), TurnEvent::Ended]);
        assert_eq!(read[1..], [TurnEvent::Missed { events: 1 }, TurnEvent::Ended]);
        let TurnEvent::MessageDelta { text, .. } = &read[0] else { panic!("{:?}", read[0]) };
        assert_eq!(text.len(), MAX_BYTES);
    }
}

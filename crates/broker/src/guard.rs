//! A connection to a broker that fails when the broker is stopped or no longer responds.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use codex_base::process;
use codex_rpc::transport::BoxReader;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use crate::connect::has_failed;
use crate::endpoint::Endpoint;

/// The interval of checks of the broker's process. After two checks in a row it counts as stopped.
const CHECK: Duration = Duration::from_millis(400);
/// The interval at which the broker's response is checked.
const PROBE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Trip {
    reason: Option<String>,
    waker: Option<Waker>,
}

/// The reading half of a watched connection.
struct Guarded {
    inner: BoxReader,
    trip: Arc<Mutex<Trip>>,
}

/// Watches the broker as long as the returned reader exists.
pub(crate) fn watch(endpoint: Endpoint, inner: BoxReader, pid: Option<u32>, timeout: Duration) -> BoxReader {
    let trip = Arc::new(Mutex::new(Trip::default()));
    tokio::spawn(watch_broker(Arc::downgrade(&trip), endpoint, pid, timeout));
    Box::new(Guarded { inner, trip })
}

async fn watch_broker(trip: Weak<Mutex<Trip>>, endpoint: Endpoint, pid: Option<u32>, timeout: Duration) {
    let (mut probed, mut stopped) = (Instant::now(), 0);
    let reason = loop {
        tokio::time::sleep(CHECK).await;
        if trip.strong_count() == 0 {
            return;
        }
        stopped = if pid.is_some_and(process::is_stopped) { stopped + 1 } else { 0 };
        if stopped == 2 {
            break "the broker's process was stopped".to_owned();
        }
        if probed.elapsed() >= PROBE {
            if let Some(reason) = has_failed(&endpoint, timeout).await {
                break reason;
            }
            probed = Instant::now();
        }
    };
    if let Some(trip) = trip.upgrade() {
        let waker = {
            let mut trip = trip.lock().unwrap_or_else(PoisonError::into_inner);
            trip.reason = Some(reason);
            trip.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = Pin::new(&mut self.inner).poll_read(cx, buffer) {
            return Poll::Ready(read);
        }
        let mut trip = self.trip.lock().unwrap_or_else(PoisonError::into_inner);
        match &trip.reason {
            Some(reason) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, reason.clone()))),
            None => {
                trip.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

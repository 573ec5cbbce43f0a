//! The task that handles deadlines and checks the server and the clients.

use std::sync::Arc;
use std::time::Duration;

use codex_base::process;
use tokio::time::Instant;

use super::Hub;
use super::state::{End, State};
use crate::conventions::Conventions;
use crate::deadline::due;
use crate::router::{ClientId, Event};

/// The interval of checks while there is a server or a client.
const CHECK: Duration = Duration::from_millis(250);

pub(super) async fn run<C: Conventions + Clone>(hub: &Arc<Hub<C>>) {
    loop {
        let next = {
            let mut state = hub.lock();
            if check(hub, &mut state) {
                return;
            }
            next_check(hub, &state)
        };
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = hub.attention.notified() => {}
        }
    }
}

/// Handles what is due. Returns true when the broker must end.
fn check<C: Conventions + Clone>(hub: &Arc<Hub<C>>, state: &mut State<C>) -> bool {
    let now = Instant::now();
    while let Some(entry) = state.timers.first_entry().filter(|entry| entry.key().0 <= now) {
        let ((_, timer), ()) = entry.remove_entry();
        state.route(Event::TimerExpired(timer));
    }
    let slow: Vec<ClientId> = state
        .ports
        .iter()
        .filter(|(_, port)| {
            port.blocked.is_some_and(|since| now.duration_since(since) >= hub.options.max_stall)
        })
        .map(|(client, _)| *client)
        .collect();
    for client in slow {
        state.note_slow_client(client, format!("read nothing for {:?}", hub.options.max_stall));
    }
    hub.follow_up(state);
    check_server(hub, state);
    hub.serve_releases(state);
    hub.refresh_server(state);
    state.note_presence();
    if state.idle_since.is_some_and(|since| now.duration_since(since) >= hub.options.child_idle) {
        hub.retire(state, "it is idle");
    }
    hub.follow_up(state);
    let unattended =
        state.alone_since.is_some_and(|since| now.duration_since(since) >= hub.options.max_unattended);
    if unattended && state.server.is_some() && !state.router.is_quiet() {
        hub.abort_server(state, "turns without a client did not end in time");
        state.note_presence();
    }
    let idle = state.alone_since.is_some_and(|since| now.duration_since(since) >= hub.options.broker_idle);
    if idle && state.idle_since.is_some() && state.end.is_none() {
        hub.log.write("the broker is idle");
        hub.end(state, End::Now);
    }
    match state.end {
        Some(End::Now) => true,
        Some(End::Drained(at)) => now >= at || state.router.is_quiet(),
        None => false,
    }
}

/// Ends a server that does not respond: its process is stopped, or it was silent for too long after it was asked for
/// activity. A slow server is left alone.
fn check_server<C: Conventions + Clone>(hub: &Arc<Hub<C>>, state: &mut State<C>) {
    let liveness = hub.options.liveness;
    let Some(silence) = state.silence() else { return };
    let Some(server) = &mut state.server else { return };
    let Some(pinged) = server.pinged else {
        if silence >= liveness.ask_after {
            server.pinged = Some(Instant::now());
            state.route(Event::Ping);
            hub.follow_up(state);
        }
        return;
    };
    let unanswered = pinged.elapsed();
    let stopped = unanswered >= liveness.stopped_after
        && server.child.as_ref().is_some_and(|child| process::is_group_stopped(child.id()));
    if stopped {
        hub.abort_server(state, "the server process was stopped and does not respond");
    } else if unanswered >= liveness.wedged_after {
        let why = format!("the server has not responded for {:?}", liveness.wedged_after);
        hub.abort_server(state, &why);
    }
}

fn next_check<C: Conventions + Clone>(hub: &Hub<C>, state: &State<C>) -> Instant {
    let now = Instant::now();
    let soon = if state.server.is_some() || !state.ports.is_empty() || state.end.is_some() {
        now + CHECK
    } else {
        // No clients and no server: the next event is the end of the broker.
        let idle = hub.options.broker_idle;
        state.alone_since.and_then(|since| since.checked_add(idle)).unwrap_or_else(|| due(idle))
    };
    state.next_timer().map_or(soon, |timer| timer.min(soon)).max(now + Duration::from_millis(1))
}

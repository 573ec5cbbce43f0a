//! The turn machine against recorded exchanges with the real app-server: every one has its expected outcome here.

use codex_rpc::protocol::{notification::*, review::*, thread::*, turn::*, *};
use codex_rpc::turn::*;

use crate::protocol_recorded::{Frame, Message, Recording, recordings};

/// A turn that a recorded client asked for.
struct Asked {
    request: serde_json::Value,
    machine: TurnMachine,
}

/// Replays one exchange as a client would live it: all notifications go to the machines of all turns.
fn replay(recording: &Recording) -> Vec<TurnMachine> {
    let mut turns: Vec<Asked> = Vec::new();
    for message in &recording.messages {
        match message {
            Message::FromClient(frame) => from_client(frame, &mut turns),
            Message::FromServer(frame) => from_server(frame, &mut turns),
            Message::Eof => {
                for turn in &mut turns {
                    turn.machine.stream_ended("the app-server went away");
                }
            }
        }
    }
    turns.into_iter().map(|turn| turn.machine).collect()
}

fn from_client(frame: &Frame, turns: &mut Vec<Asked>) {
    let kind = match frame.method.as_deref() {
        Some(TurnStartParams::METHOD) => TurnKind::Turn,
        Some(ReviewStartParams::METHOD) => TurnKind::Review,
        Some(ThreadCompactStartParams::METHOD) => TurnKind::Compact,
        Some(TurnInterruptParams::METHOD) => {
            let params: TurnInterruptParams = serde_json::from_slice(frame.params().unwrap()).unwrap();
            for turn in
                turns.iter_mut().filter(|turn| turn.machine.interrupt_target() == Some(&params.turn_id))
            {
                turn.machine.interrupt_requested();
            }
            return;
        }
        _ => return,
    };
    let thread: Option<ThreadRef> = serde_json::from_slice(frame.params().unwrap()).ok();
    let thread = thread.map_or(ThreadId::from("none"), |thread| thread.thread_id);
    turns.push(Asked { request: frame.id.clone().unwrap(), machine: TurnMachine::new(thread, kind) });
}

fn from_server(frame: &Frame, turns: &mut [Asked]) {
    if let Some(notification) = frame.notification() {
        for turn in turns {
            turn.machine.notification(&notification);
        }
    } else if frame.method.is_none()
        && let Some(turn) = turns.iter_mut().find(|turn| Some(&turn.request) == frame.id.as_ref())
    {
        match (&frame.error, serde_json::from_str(frame.result.as_ref().map_or("{}", |result| result.get())))
        {
            (Some(failure), _) => drop(turn.machine.refused(failure.clone())),
            (None, Ok(TurnStartResponse { turn: started, .. })) => drop(turn.machine.started(&started)),
            (None, Err(_)) => drop(turn.machine.accepted()),
        }
    }
}

/// An outcome as one line.
fn line(outcome: &TurnOutcome) -> String {
    let head = |text: &str| -> String { text.replace('\n', " ").chars().take(48).collect() };
    let mut line = match &outcome.status {
        OutcomeStatus::Completed => "completed".to_owned(),
        OutcomeStatus::Interrupted => "interrupted".to_owned(),
        OutcomeStatus::Failed(failure) => format!("failed: {}", head(&failure.message)),
    };
    if let Some(message) = &outcome.final_message {
        line += &format!(" | said {:?}", head(message));
    }
    for (what, count) in [
        ("messages", outcome.messages.len()),
        ("errors", outcome.errors.len()),
        ("files", outcome.files.len()),
        ("reasoning", outcome.reasoning.len()),
    ] {
        if count > usize::from(what == "messages") {
            line += &format!(" | {what} {count}");
        }
    }
    for command in &outcome.commands {
        let agent = if command.agent.is_some() { "agent's " } else { "" };
        line += &format!(" | {agent}command {} {:?}", command.status, command.exit_code);
    }
    for agent in &outcome.agents {
        line += &format!(" | agent {:?}", agent.state);
    }
    line
}

#[test]
fn every_recorded_turn_ends_as_it_did() {
    let mut lines = Vec::new();
    for recording in recordings() {
        for machine in replay(&recording) {
            let outcome = machine.outcome().expect("the stream has ended, so the turn has");
            lines.push(format!("{}: {}", recording.name, line(outcome)));
        }
    }
    let expected: Vec<&str> = include_str!("../fixtures/transcripts/outcomes.txt").lines().collect();
    let difference = lines.iter().map(String::as_str).ne(expected.iter().copied());
    assert!(!difference, "outcomes are now:\n{}", lines.join("\n"));
}

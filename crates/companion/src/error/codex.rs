//! Errors of the Codex client, and turns that did not succeed.

use codex_rpc::client::{ClientError, ClientErrorKind};
use codex_rpc::peer::RequestError;
use codex_rpc::turn::{FailureCause, OutcomeStatus};

use super::{Error, Kind};
use crate::codex::FinishedTurn;
use codex_base::text::one_line;

/// How many lines of Codex's stderr are shown.
const STDERR_LINES: usize = 6;

impl From<&ClientError> for Error {
    fn from(error: &ClientError) -> Self {
        from_client(error)
    }
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Self {
        from_client(&error)
    }
}

fn from_client(error: &ClientError) -> Error {
    let (kind, hint) = match error.kind() {
        ClientErrorKind::NotFound => (
            Kind::CodexMissing,
            "install it with `npm install -g @openai/codex` or `codex-companion setup --install`",
        ),
        ClientErrorKind::TooOld => {
            (Kind::CodexTooOld, "update it with `npm install -g @openai/codex@latest`")
        }
        ClientErrorKind::Spawn => {
            (Kind::CodexBroken, "is it a program that you may run? --codex PATH names another")
        }
        ClientErrorKind::Ended => {
            (Kind::CodexBroken, "try `codex app-server` by hand; `codex-companion setup` checks more")
        }
        ClientErrorKind::NotAnswering => (
            Kind::CodexBroken,
            "is the machine very busy? CODEX_COMPANION_HANDSHAKE_TIMEOUT_MS gives it more time; --codex PATH names another",
        ),
        ClientErrorKind::InputTooLong => (
            Kind::PromptTooLong,
            "put the long part into a file of the repository and name that file in the prompt",
        ),
        ClientErrorKind::ThreadBusy => (Kind::TurnFailed, "wait for that turn, or use another thread"),
        _ => return from_request(error),
    };
    causes(Error::new(kind, one_line(&error.to_string(), 400)).with_hint(hint), error)
}

/// A request that failed: the app-server's answer, or how the connection ended.
fn from_request(error: &ClientError) -> Error {
    let described = match error.request() {
        Some(RequestError::Closed(_)) => Error::new(Kind::CodexBroken, "Codex ended while it was working")
            .with_hint("run it again; if it happens again, `codex-companion setup` shows more"),
        Some(RequestError::Deadline { .. }) => Error::new(Kind::CodexBroken, "Codex stopped answering")
            .with_hint("run it again; if it happens again, `codex-companion setup` shows more"),
        _ => Error::new(Kind::TurnFailed, "Codex refused the request"),
    };
    causes(described, error)
}

/// A thread that could not be resumed.
#[must_use]
pub(crate) fn from_resume(error: &ClientError, thread: &str) -> Error {
    let thread = one_line(thread, 80);
    let said =
        error.request().and_then(RequestError::rpc).map(|rpc| rpc.message.as_str()).unwrap_or_default();
    // Observed (0.169.0) when another process has the thread loaded.
    if said.contains("active writer") {
        let message = format!("thread {thread} is held by another process");
        return causes(
            Error::new(Kind::TurnFailed, message).with_hint("end the Codex that has it open"),
            error,
        );
    }
    match error.request() {
        Some(RequestError::Rpc { .. }) => {
            let described = Error::new(Kind::Usage, format!("thread {thread} cannot be resumed"));
            causes(described.with_hint("`codex resume` lists the threads that can be resumed"), error)
        }
        _ => from_client(error),
    }
}

/// Adds the causes of a client's error and the last lines of stderr, without control characters.
fn causes(described: Error, error: &ClientError) -> Error {
    let mut lines = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        lines.push(one_line(&cause.to_string(), 400));
        next = cause.source();
    }
    lines.extend(stderr_lines(error.stderr_tail().unwrap_or_default()));
    chain(described, lines)
}

/// The last lines that Codex wrote on stderr.
fn stderr_lines(tail: &str) -> Vec<String> {
    let lines: Vec<&str> = tail.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.iter().skip(lines.len().saturating_sub(STDERR_LINES));
    last.map(|line| format!("codex: {}", one_line(line, 300))).collect()
}

/// Links lines into a chain of causes.
fn chain(error: Error, lines: Vec<String>) -> Error {
    let mut source: Option<Cause> = None;
    for line in lines.into_iter().rev() {
        source = Some(Cause { line, source: source.map(Box::new) });
    }
    match source {
        Some(source) => error.caused_by(source),
        None => error,
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{line}")]
struct Cause {
    line: String,
    source: Option<Box<Cause>>,
}

/// Why a turn did not succeed; `None` when it did.
pub(crate) fn from_turn(turn: &FinishedTurn) -> Option<Error> {
    let outcome = &*turn.outcome;
    let failure = match &outcome.status {
        OutcomeStatus::Completed => return None,
        OutcomeStatus::Interrupted => {
            return Some(Error::new(Kind::Interrupted, "the turn was interrupted"));
        }
        OutcomeStatus::Failed(failure) => failure,
    };
    let mut lines: Vec<String> = outcome.cause_chain().iter().map(|line| one_line(line, 400)).collect();
    if failure.cause == FailureCause::StreamEnded {
        lines.extend(stderr_lines(&turn.stderr_tail));
    }
    let (kind, message, hint) = match &failure.cause {
        FailureCause::EmptyAnswer => (
            Kind::TurnFailed,
            "Codex completed the turn without an answer",
            "run it again, or with another model",
        ),
        FailureCause::IdleDeadline => (
            Kind::TimedOut,
            "timed out: no activity from Codex for too long; the turn was interrupted",
            "CODEX_COMPANION_IDLE_TIMEOUT_MS gives it more time",
        ),
        FailureCause::TotalDeadline => (
            Kind::TimedOut,
            "the turn took too long and was interrupted",
            "--timeout-ms or CODEX_COMPANION_TURN_TIMEOUT_MS gives it more time",
        ),
        FailureCause::StreamEnded => (
            Kind::CodexBroken,
            "Codex ended in the middle of the turn",
            "run it again; `codex-companion setup` checks more",
        ),
        _ => match outcome.http_status() {
            Some(401 | 403) => {
                (Kind::NotSignedIn, "the model endpoint refused the account", "run `codex login` again")
            }
            Some(429) => {
                (Kind::TurnFailed, "the model endpoint is at its limit", "wait, or use another model")
            }
            status => {
                if let Some(status) = status {
                    lines.push(format!("the model endpoint answered {status}"));
                }
                (Kind::TurnFailed, "the turn failed", "run it again; `codex-companion setup` checks more")
            }
        },
    };
    // A cause that repeats the message is left out.
    lines.retain(|line| line != message);
    Some(chain(Error::new(kind, message).with_hint(hint), lines))
}

//! What went wrong with Codex, in words for the user: what happened, why, what to do.

use codex_rpc::client::{ClientError, ClientErrorKind};
use codex_rpc::peer::RequestError;
use codex_rpc::turn::{FailureCause, OutcomeStatus};

use super::Ran;
use crate::exit::{Failure, Kind};
use crate::sanitize;

/// How many lines of Codex's stderr are shown.
const STDERR_LINES: usize = 6;

/// A client's error.
#[must_use]
pub fn from_client(error: &ClientError) -> Failure {
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
    causes(Failure::new(kind, sanitize::one_line(&error.to_string(), 400)).with_hint(hint), error)
}

/// A request that failed: what the app-server said, or how it went away.
fn from_request(error: &ClientError) -> Failure {
    let failure = match error.request() {
        Some(RequestError::Closed(_)) => {
            Failure::new(Kind::CodexBroken, "Codex ended in the middle of the work")
                .with_hint("run it again; if it happens again, `codex-companion setup` may tell why")
        }
        Some(RequestError::Deadline { .. }) => Failure::new(Kind::CodexBroken, "Codex stopped answering")
            .with_hint("run it again; if it happens again, `codex-companion setup` may tell why"),
        _ => Failure::new(Kind::TurnFailed, "Codex refused the request"),
    };
    causes(failure, error)
}

/// A thread that could not be resumed.
#[must_use]
pub(super) fn from_resume(error: &ClientError, thread: &str) -> Failure {
    let thread = sanitize::one_line(thread, 80);
    let said =
        error.request().and_then(RequestError::rpc).map(|rpc| rpc.message.as_str()).unwrap_or_default();
    // Observed (0.169.0) when another process has the thread loaded.
    if said.contains("active writer") {
        let message = format!("thread {thread} is held by another process");
        return causes(
            Failure::new(Kind::TurnFailed, message).with_hint("end the Codex that has it open"),
            error,
        );
    }
    match error.request() {
        Some(RequestError::Rpc { .. }) => {
            let failure = Failure::new(Kind::Usage, format!("thread {thread} cannot be resumed"));
            causes(failure.with_hint("`codex resume` lists the threads that can be"), error)
        }
        _ => from_client(error),
    }
}

/// Nobody is signed in, and the provider wants somebody to be.
#[must_use]
pub fn not_signed_in() -> Failure {
    Failure::new(Kind::NotSignedIn, "Codex is not signed in")
        .with_hint("run `codex login`, or set an API key with `codex login --with-api-key`")
}

/// Adds the causes of a client's error, and the end of stderr, sanitised.
fn causes(failure: Failure, error: &ClientError) -> Failure {
    let mut lines = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        lines.push(sanitize::one_line(&cause.to_string(), 400));
        next = cause.source();
    }
    lines.extend(stderr_lines(error.stderr_tail().unwrap_or_default()));
    chain(failure, lines)
}

/// The last lines of what Codex wrote on stderr.
fn stderr_lines(tail: &str) -> Vec<String> {
    let lines: Vec<&str> = tail.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.iter().skip(lines.len().saturating_sub(STDERR_LINES));
    last.map(|line| format!("codex: {}", sanitize::one_line(line, 300))).collect()
}

/// Links lines into a chain of causes.
fn chain(failure: Failure, lines: Vec<String>) -> Failure {
    let mut source: Option<Cause> = None;
    for line in lines.into_iter().rev() {
        source = Some(Cause { line, source: source.map(Box::new) });
    }
    match source {
        Some(source) => failure.caused_by(source),
        None => failure,
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{line}")]
struct Cause {
    line: String,
    source: Option<Box<Cause>>,
}

/// A turn that did not succeed. `None` when it did.
#[must_use]
pub fn from_ran(ran: &Ran) -> Option<Failure> {
    let outcome = &*ran.outcome;
    let failure = match &outcome.status {
        OutcomeStatus::Completed => return None,
        OutcomeStatus::Interrupted => {
            return Some(Failure::new(Kind::Interrupted, "the turn was interrupted"));
        }
        OutcomeStatus::Failed(failure) => failure,
    };
    let mut lines: Vec<String> =
        outcome.cause_chain().iter().map(|line| sanitize::one_line(line, 400)).collect();
    if failure.cause == FailureCause::StreamEnded {
        lines.extend(stderr_lines(&ran.stderr_tail));
    }
    let (kind, message, hint) = match &failure.cause {
        FailureCause::EmptyAnswer => (
            Kind::TurnFailed,
            "Codex completed the turn without an answer",
            "run it again, or with another model",
        ),
        FailureCause::IdleDeadline => (
            Kind::TimedOut,
            "Codex gave no sign of life for too long; the turn was interrupted",
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
    // What our own words say already is not said again.
    lines.retain(|line| line != message);
    Some(chain(Failure::new(kind, message).with_hint(hint), lines))
}

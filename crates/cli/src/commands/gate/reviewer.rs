//! Who reviews for the gate: Codex, in a turn on a thread that is forgotten, read-only, outside of the job list; or the
//! program that the user's settings name.

use std::time::Duration;

use codex_gate::{CommandReviewer, NotReviewed, Prompt, Reply, Reviewer as _, Why};
use codex_rpc::client::TurnLimits;

use super::super::{App, limits};
use crate::args::RunArgs;
use crate::exit::{Failure, Kind};
use crate::settings::Settings;
use codex_companion_core::codex::{self, FinishedTurn, TurnInput, TurnRequest};
use codex_companion_core::{RunObserver, Stop, StopHandle, StopReason};

/// How long a turn that is stopped may take to end; a host that stops its hook kills it soon after.
const GRACE: Duration = Duration::from_millis(700);

/// Who reviews: a verdict that is kept counts for the same reviewer only.
pub(super) fn name(settings: &Settings) -> String {
    if let Some(command) = command(settings) {
        return command.name();
    }
    let or_default = |name: &Option<String>| name.clone().unwrap_or_else(|| "default".to_owned());
    format!("codex, model {}, effort {}", or_default(&settings.model), or_default(&settings.effort))
}

/// The reviewer of `gate_reviewer`.
fn command(settings: &Settings) -> Option<CommandReviewer> {
    let (program, arguments) = settings.gate_reviewer.split_first()?;
    Some(CommandReviewer::new(program, arguments))
}

/// Asks once. Ends by itself within `limit` and little more.
pub(super) async fn ask(
    app: &App,
    settings: &Settings,
    root: &std::path::Path,
    prompt: &Prompt,
    limit: Duration,
    watch: &mut dyn RunObserver,
    (stop, handle): (&mut Stop, &StopHandle),
) -> Result<Reply, NotReviewed> {
    if let Some(command) = command(settings) {
        let command = command.in_directory(root);
        return tokio::select! {
            reply = command.review(prompt, limit) => reply,
            _ = stop.stopped() => Err(stopped(Why::Cancelled, limit)),
        };
    }
    let codex = app
        .codex_shared(settings, root, &RunArgs::default(), false)
        .map_err(|failure| not_reviewed(&failure))?;
    let mut turn =
        TurnRequest::new(TurnInput::Prompt { text: prompt.text().to_owned(), output_schema: None });
    turn.model.clone_from(&settings.model);
    turn.effort.clone_from(&settings.effort);
    turn.limits = TurnLimits { total: limit, ..limits(settings) };
    let mut heard = stop.clone();
    let ran = {
        let running = codex::run(&codex, &turn, watch, stop);
        tokio::pin!(running);
        let why = tokio::select! {
            ran = &mut running => Ok(ran),
            () = tokio::time::sleep(limit) => Err(Why::TimedOut),
            _ = heard.stopped() => Err(Why::Cancelled),
        };
        match why {
            Ok(ran) => ran.map_err(|failure| not_reviewed(&failure))?,
            Err(why) => {
                if why == Why::TimedOut {
                    handle.stop(StopReason::Interrupt);
                }
                // The turn is interrupted; what is left of Codex ends with the runtime.
                let _ = tokio::time::timeout(GRACE, &mut running).await;
                return Err(stopped(why, limit));
            }
        }
    };
    let Some(answer) = ran.outcome.answer() else {
        let failure = ran.error().unwrap_or_else(|| Failure::new(Kind::TurnFailed, "Codex gave no answer"));
        let limited = ran.outcome.http_status() == Some(429) || usage_limit(&ran);
        return Err(match not_reviewed(&failure) {
            NotReviewed { detail, .. } if limited => NotReviewed::new(Why::Quota, detail),
            other if other.why == Why::TimedOut => stopped(Why::TimedOut, limit),
            other => other,
        });
    };
    let mut reply = Reply::new(answer);
    reply.tokens = ran.outcome.usage.as_ref().and_then(|usage| u64::try_from(usage.total.total_tokens).ok());
    Ok(reply)
}

/// The end that came from outside.
pub(super) fn stopped(why: Why, limit: Duration) -> NotReviewed {
    let detail = match why {
        Why::TimedOut => {
            format!(
                "it had {} (CODEX_COMPANION_GATE_TIMEOUT_MS gives it more)",
                crate::progress::elapsed(limit)
            )
        }
        _ => String::new(),
    };
    NotReviewed::new(why, detail)
}

/// Whether Codex says that the account's allowance is used up.
fn usage_limit(ran: &FinishedTurn) -> bool {
    use codex_rpc::protocol::CodexErrorKind;
    let kinds = ran.outcome.errors.iter().filter_map(|error| error.codex_error_info.as_ref());
    kinds.into_iter().any(|info| info.kind == CodexErrorKind::UsageLimitExceeded)
}

/// A failure of the run in the gate's terms.
pub(super) fn not_reviewed(failure: &Failure) -> NotReviewed {
    let why = match failure.kind() {
        Kind::CodexMissing | Kind::CodexTooOld => Why::ReviewerMissing,
        Kind::NotSignedIn => Why::NotSignedIn,
        Kind::TimedOut => Why::TimedOut,
        Kind::Interrupted | Kind::Terminated => Why::Cancelled,
        _ => Why::Failed,
    };
    let mut detail = failure.to_string();
    for cause in failure.causes() {
        detail.push_str(": ");
        detail.push_str(&cause);
    }
    if let Some(hint) = failure.hint() {
        detail.push_str("; ");
        detail.push_str(hint);
    }
    NotReviewed::new(why, detail)
}

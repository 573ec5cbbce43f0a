//! The gate's texts: one line for the user, and a text that the agent can act on.

use std::fmt::Write as _;

use crate::{
    Decision, DecisionKind, FailureKind, Finding, NotReviewed, OnFailure, Policy, SkipReason, Verdict, text,
};

/// The parts of the gate's sentences that depend on where it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wording {
    /// The name of the gate. Default "Review gate".
    pub name: String,
    /// What the agent or user was about to do, as in "before you …".
    pub action: String,
    /// How to have it reviewed again after a failure, as in "To try again, …".
    pub retry: String,
    /// The command that turns the gate off, which is mentioned when the gate fails. Default none.
    pub turn_off: Option<String>,
    /// Whether rounds are mentioned. Default for turns only: elsewhere each attempt is independent.
    pub rounds: bool,
    /// The maximum length of the text for the agent, in bytes. Default 9,000: Claude Code replaces context of more than 10,000
    /// characters by a file's name.
    pub max_bytes: usize,
}

impl Wording {
    /// The maximum length of the line for the user, in bytes.
    pub const NOTE_BYTES: usize = 400;

    /// The texts for an agent that is about to end its turn. What they say about a second failure depends on the policy.
    #[must_use]
    pub fn for_turns(policy: &Policy) -> Self {
        let retry = match policy.on_not_reviewed {
            OnFailure::Block => "end this turn once more",
            OnFailure::BlockOnce | OnFailure::Allow => {
                "end this turn once more; if that fails too, the turn ends with a warning"
            }
        };
        Self::new("end this turn", retry, true)
    }

    /// The texts for any other action: "push", "commit", "merge".
    #[must_use]
    pub fn for_action(action: &str) -> Self {
        Self::new(action, &format!("{action} again"), false)
    }

    fn new(action: &str, retry: &str, rounds: bool) -> Self {
        Self {
            name: "Review gate".to_owned(),
            action: action.to_owned(),
            retry: retry.to_owned(),
            turn_off: None,
            rounds,
            max_bytes: 9_000,
        }
    }

    /// Sets the name of the gate.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets how to have the work reviewed again after a failure.
    #[must_use]
    pub fn retry(mut self, retry: impl Into<String>) -> Self {
        self.retry = retry.into();
        self
    }

    /// Sets the command that turns the gate off.
    #[must_use]
    pub fn turn_off(mut self, command: impl Into<String>) -> Self {
        self.turn_off = Some(command.into());
        self
    }

    /// Sets the maximum length of the text for the agent.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// One line for the user; `None` when the gate is off.
    #[must_use]
    pub fn note(&self, decision: &Decision) -> Option<String> {
        let (rounds, of) = (decision.rounds, decision.max_rounds);
        let round = if self.rounds { format!(", round {rounds} of {of}") } else { String::new() };
        let again = if decision.cached { ", by the verdict on the same work" } else { "" };
        let text = match &decision.kind {
            DecisionKind::Skipped(SkipReason::Off) => return None,
            DecisionKind::Skipped(skip) => format!("skipped, {skip}"),
            DecisionKind::Allowed { reason } => {
                let after = match rounds {
                    0 => String::new(),
                    1 => " after 1 round".to_owned(),
                    _ => format!(" after {rounds} rounds"),
                };
                with_reason(format!("allowed{after}{again}"), reason)
            }
            DecisionKind::Blocked { reason, .. } => with_reason(format!("blocked{round}{again}"), reason),
            DecisionKind::NotReviewed { failure, blocks: true } => {
                format!("NOT REVIEWED and held back, {failure}")
            }
            DecisionKind::NotReviewed {
                failure: NotReviewed { kind: FailureKind::RoundsSpent, detail },
                ..
            } => {
                format!(
                    "let pass UNRESOLVED after {}, {detail}",
                    if of == 1 { "1 round".to_owned() } else { format!("{of} rounds") }
                )
            }
            DecisionKind::NotReviewed { failure, .. } => format!("let pass NOT REVIEWED, {failure}"),
        };
        Some(text::line(&format!("{}: {text}", self.name), Self::NOTE_BYTES))
    }

    /// The text for the agent when the decision blocks, else `None`. It has no control characters and at most
    /// [`Wording::max_bytes`] (or a little more, if that is less than the fixed sentences need).
    #[must_use]
    pub fn feedback(&self, decision: &Decision) -> Option<String> {
        match &decision.kind {
            DecisionKind::Blocked { reason, findings } => Some(self.findings(decision, reason, findings)),
            DecisionKind::NotReviewed { failure, blocks: true } => Some(self.failure(failure)),
            _ => None,
        }
    }

    fn failure(&self, failure: &NotReviewed) -> String {
        let Self { name, action, retry, turn_off, .. } = self;
        let mut out = format!(
            "{name}: this work was not reviewed, so it is held back before you {action}. It is the gate that failed; this says \
             nothing about the work.\n\nWhy: {}\n\nTo try again, {retry}.",
            text::line(&failure.to_string(), 2 * NotReviewed::DETAIL_BYTES)
        );
        if let Some(command) = turn_off {
            // The agent reads this too, and must not decide it.
            let _ = write!(out, " The user, and nobody else, may turn the gate off: {command}");
        }
        out
    }

    fn findings(&self, decision: &Decision, reason: &str, findings: &[Finding]) -> String {
        let Self { name, action, .. } = self;
        let mut out = format!("{name}: changes are needed before you {action}");
        if self.rounds {
            let _ = write!(out, " (round {} of {})", decision.rounds, decision.max_rounds);
        }
        out.push('.');
        if decision.cached {
            out.push_str(" The work is the same as when this verdict was given.");
        }
        let end = format!(
            "\n\nChange what is wrong, or say plainly why a point does not apply; then {action} again."
        );
        let room = self.max_bytes.saturating_sub(out.len() + end.len() + 120);

        let reason = text::block(reason);
        let reason = if reason.trim().is_empty() { "the reviewer gave no reason" } else { reason.trim() };
        let mut body = format!("\n\nReason: {}", text::shorten(reason, (room / 2).min(2_000)));
        if !findings.is_empty() {
            body.push_str("\n\nA reviewer wrote these points; check each against the code.\n");
        }
        for (index, finding) in findings.iter().enumerate() {
            let item = item(index + 1, finding);
            if body.len() + item.len() > room {
                let _ = write!(body, "\n({} more left out)", findings.len() - index);
                break;
            }
            body.push_str(&item);
        }
        out + &body + &end
    }
}

fn with_reason(text: String, reason: &str) -> String {
    if reason.trim().is_empty() { text } else { format!("{text}: {reason}") }
}

fn item(number: usize, finding: &Finding) -> String {
    let place =
        finding.location().map(|place| format!(" {place}:", place = text::line(&place, Verdict::FILE_BYTES)));
    let mut out = format!(
        "\n{number}. [{}]{} {}",
        finding.severity.as_str(),
        place.unwrap_or_default(),
        text::line(&finding.title, Verdict::TITLE_BYTES)
    );
    for line in text::block(&finding.body).lines().filter(|line| !line.trim().is_empty()) {
        let _ = write!(out, "\n   {}", line.trim_end());
    }
    if let Some(change) = &finding.recommendation {
        let _ = write!(out, "\n   Change: {}", text::line(change, Verdict::BODY_BYTES));
    }
    out
}

//! git: the `pre-push` and `pre-commit` hooks. Any exit code but 0 stops git (githooks(5)); what the hook prints is shown.

use super::{BadInput, exit};
use crate::{Decision, GateRequest, TreeSnapshot, TurnPosition, Wording};

/// The input of `pre-push`: what a push would send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrePush {
    /// Every reference of the push.
    pub refs: Vec<PushedRef>,
}

/// One reference of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushedRef {
    /// The local side, as git writes it: a reference or any revision.
    pub local_ref: String,
    /// The commit to push; `None` deletes the remote reference.
    pub local_oid: Option<String>,
    /// The remote reference.
    pub remote_ref: String,
    /// The commit of the remote reference, as far as known; `None` if it is new.
    pub remote_oid: Option<String>,
}

impl PrePush {
    /// Reads the standard input of `pre-push`: one line `local-ref local-oid remote-ref remote-oid` for each reference.
    /// No line at all is valid.
    ///
    /// # Errors
    /// [`BadInput`] for a line of another form.
    pub fn read(input: &[u8]) -> Result<Self, BadInput> {
        let input = String::from_utf8_lossy(input);
        let refs = input.lines().filter(|line| !line.trim().is_empty()).map(|line| {
            // From the right, because the local side may be a revision that contains spaces.
            let mut fields = line.trim_end().rsplitn(4, ' ');
            let (remote_oid, remote_ref, local_oid, local_ref) =
                (fields.next(), fields.next(), fields.next(), fields.next());
            let bad =
                || BadInput::new("a line of the push is not “local-ref local-oid remote-ref remote-oid”");
            Ok(PushedRef {
                local_ref: local_ref.ok_or_else(bad)?.to_owned(),
                local_oid: local_oid.and_then(oid).ok_or_else(bad)?,
                remote_ref: remote_ref.ok_or_else(bad)?.to_owned(),
                remote_oid: remote_oid.and_then(oid).ok_or_else(bad)?,
            })
        });
        Ok(Self { refs: refs.collect::<Result<_, _>>()? })
    }

    /// The references that send commits to the remote side. When there are none, the decision is
    /// [`SkipReason::NothingToReview`](crate::SkipReason::NothingToReview).
    pub fn sent(&self) -> impl Iterator<Item = &PushedRef> {
        self.refs.iter().filter(|pushed| pushed.local_oid.is_some() && pushed.local_oid != pushed.remote_oid)
    }

    /// The request. Its fingerprint consists of the commits on both sides, so that the same push is reviewed once.
    #[must_use]
    pub fn request(&self) -> GateRequest {
        let side = |oid: &Option<String>| oid.clone().unwrap_or_else(|| "new".to_owned());
        let mut spans: Vec<_> = self
            .sent()
            .map(|sent| format!("{}..{}", side(&sent.remote_oid), side(&sent.local_oid)))
            .collect();
        spans.sort();
        spans.dedup();
        GateRequest::new("git pre-push", TurnPosition::Single)
            .tree(TreeSnapshot::new(format!("push {}", spans.join(" "))))
    }
}

/// The request of a `pre-commit` hook, which has no input. The caller adds a snapshot of the index.
#[must_use]
pub fn pre_commit() -> GateRequest {
    GateRequest::new("git pre-commit", TurnPosition::Single)
}

/// What the hook must print, all of it on standard error, and its exit code.
#[must_use]
pub fn answer(decision: &Decision, wording: &Wording) -> exit::Output {
    let exit::Output { code, stdout, stderr } = exit::answer(decision, wording);
    // The text for standard output begins with the content of the line.
    exit::Output { code, stdout: String::new(), stderr: if stdout.is_empty() { stderr } else { stdout } }
}

/// Reads an object id; all zeros mean that there is none.
#[expect(clippy::option_option, reason = "the outer option is whether the text has the form of an id")]
fn oid(text: &str) -> Option<Option<String>> {
    let hex = (40..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then(|| text.bytes().any(|byte| byte != b'0').then(|| text.to_owned()))
}

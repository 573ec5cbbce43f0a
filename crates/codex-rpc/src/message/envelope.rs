//! The envelope of a message: what it is, and where its parts stand.

use std::ops::Range;

use super::scan::{self, Member, Parts, Span};
use super::{Dialect, EnvelopeError, RequestId};

/// What a message is. Exhaustive on purpose: JSON-RPC has no other kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EnvelopeKind {
    /// A call that wants an answer.
    Request,
    /// A call that wants none.
    Notification,
    /// A successful answer.
    Response,
    /// An answer that is an error.
    ErrorResponse,
}

/// The parts of one message, borrowed from its frame.
///
/// Nothing is allocated, unless the method or a thread id is written with escapes or brackets nest deeper than 63.
///
/// # What the scan checks
///
/// - The frame is UTF-8, and one JSON object with nothing but white space around it.
/// - Every bracket has its partner, every string ends, and no string holds a raw control character.
/// - The members that it looks for stand at most once, also when their names are written with escapes
///   (`"\u0069d"` is `id`), and they make up a message by the rules of the [module](super). A member of the message
///   itself is a complete value with a comma or the closing brace after it.
/// - Escapes in what it hands out (method, id, thread ids) are valid.
///
/// # What is left to the typed parse
///
/// The inside of `params`, `result` and `error`, and members that the scan does not look for, but for brackets,
/// strings and control characters: commas, colons, numbers, literals, escapes in strings, repeated
/// members. So a frame that passes can still fail to parse as the `params` of a method, and members that are not read are
/// not checked.
///
/// # The thread
///
/// [`thread_id`](Self::thread_id) is the first of these that is there and is a string, in any order of members:
///
/// 1. `params.threadId`: notifications and requests about a thread;
/// 2. `params.thread.id`: `thread/started`;
/// 3. `params.conversationId`: the older `applyPatchApproval` and `execCommandApproval`;
///
/// and in a response `result.thread.id` (`thread/start`, `thread/resume`, `thread/fork`, `thread/read` and others),
/// then `result.reviewThreadId` (`review/start`), then `result.threadId` (`feedback/upload`). A response that names
/// no thread belongs to its request's. A null `threadId` (`warning` may have one) is none. Source: the schema and
/// transcripts of Codex 0.169.0. Thread ids deeper inside, such as those in items of sub-agents, say what a message
/// is about, not whose it is, and are not looked at.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    frame: &'a [u8],
    kind: EnvelopeKind,
    parts: Parts,
}

impl<'a> Envelope<'a> {
    /// Finds the parts of the message in `frame`, in one pass whose time grows with the frame's length and with
    /// nothing else.
    ///
    /// # Errors
    ///
    /// A frame that is not JSON, as far as the scan checks it, is a Parse error; JSON that breaks the rules of the
    /// [module](super) is an Invalid Request.
    pub fn scan(frame: &'a [u8]) -> Result<Self, EnvelopeError> {
        let (kind, parts) = scan::scan(frame)?;
        Ok(Self { frame, kind, parts })
    }

    /// What the message is.
    pub fn kind(&self) -> EnvelopeKind {
        self.kind
    }

    /// The id; `None` in notifications, and in an error response whose id is null. A string id is copied.
    pub fn id(&self) -> Option<RequestId> {
        self.frame.get(self.id_span()?).and_then(scan::read_id).flatten()
    }

    /// Where the id's value is in the frame (null in an error response too), with the quotes of a string.
    pub fn id_span(&self) -> Option<Range<usize>> {
        self.parts.id.range()
    }

    /// The method of a request or notification.
    pub fn method(&self) -> Option<&str> {
        self.text(self.parts.method, |decoded| &decoded.method)
    }

    /// The thread that the message belongs to. For where it is looked for, see [above](Self).
    pub fn thread_id(&self) -> Option<&str> {
        self.text(self.parts.thread, |decoded| &decoded.thread)
    }

    /// The parent of a sub-agent's thread: `params.thread.parentThreadId` (`thread/started`), or the same in
    /// `result`.
    pub fn parent_thread_id(&self) -> Option<&str> {
        self.text(self.parts.parent, |decoded| &decoded.parent)
    }

    /// The text of `params`: an object or an array. `None` also for null.
    pub fn params(&self) -> Option<&'a [u8]> {
        self.params_span().map(|span| &self.frame[span])
    }

    /// Where `params` stand in the frame.
    pub fn params_span(&self) -> Option<Range<usize>> {
        self.payload(Member::Params).filter(|span| self.frame[span.start] != b'n')
    }

    /// The text of `result`: any JSON value, null included.
    pub fn result(&self) -> Option<&'a [u8]> {
        self.result_span().map(|span| &self.frame[span])
    }

    /// Where `result` is in the frame.
    pub fn result_span(&self) -> Option<Range<usize>> {
        self.payload(Member::Result)
    }

    /// The text of `error`: an object. Its members are not looked at.
    pub fn error(&self) -> Option<&'a [u8]> {
        self.error_span().map(|span| &self.frame[span])
    }

    /// Where `error` is in the frame.
    pub fn error_span(&self) -> Option<Range<usize>> {
        self.payload(Member::Error)
    }

    /// Whether the message may be said in this dialect: JSON-RPC 2.0 needs its `jsonrpc` member, Codex does not.
    /// If the member is there, the scan has checked that it is `"2.0"`.
    pub fn conforms_to(&self, dialect: Dialect) -> bool {
        dialect == Dialect::Codex || self.parts.has(Member::Version)
    }

    fn payload(&self, member: Member) -> Option<Range<usize>> {
        if self.parts.has(member) { self.parts.payload.range() } else { None }
    }

    fn text(&self, span: Span, decoded: fn(&scan::Decoded) -> &Option<String>) -> Option<&str> {
        let raw = &self.frame[span.range()?];
        match self.parts.decoded.as_deref().and_then(|all| decoded(all).as_deref()) {
            Some(text) => Some(text),
            // The scan has seen to it that all of the frame is UTF-8.
            None => std::str::from_utf8(raw).ok(),
        }
    }
}

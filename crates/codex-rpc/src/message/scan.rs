//! The scan of a frame: one pass over its structure, stopping only where a member may be one of ours.

use std::ops::Range;

use serde_json::Number;

use super::nesting::Nesting;
use super::structure::Structure;
use super::{EnvelopeError, EnvelopeKind, EnvelopeProblem as Problem, RequestId};

/// Says what the message in `frame` is, and where its parts stand.
#[inline(always)]
pub(super) fn scan(frame: &[u8]) -> Result<(EnvelopeKind, Parts), EnvelopeError> {
    let mut scan =
        Scan { frame, structure: Structure::new(frame), at: 0, parts: Parts::default(), fault: None };
    let read = scan.message();
    debug_assert!(read.is_ok() || scan.fault.is_some());
    match scan.kind() {
        Ok(kind) => Ok((kind, scan.parts)),
        Err(problem) => Err(scan.into_error(problem)),
    }
}

/// Reads the text of an id: `Some(None)` for null, `None` if no id can be written so.
pub(super) fn read_id(raw: &[u8]) -> Option<Option<RequestId>> {
    let text = std::str::from_utf8(raw).ok()?;
    if text == "null" {
        Some(None)
    } else if raw.starts_with(b"\"") {
        serde_json::from_str(text).ok().map(|id| Some(RequestId::String(id)))
    } else if let Ok(id) = text.parse::<u64>() {
        Some(Some(RequestId::from(id)))
    } else {
        // Minus zero is the one integer that would not be given back as it came.
        let id = text.parse::<i64>().ok().filter(|&id| id != 0)?;
        Some(Some(RequestId::Number(Number::from(id))))
    }
}

/// Where the parts stand. Small on purpose: it is moved several times for each message.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    pub(super) id: Span,
    pub(super) method: Span,
    /// `params`, `result` or `error`.
    pub(super) payload: Span,
    pub(super) thread: Span,
    pub(super) parent: Span,
    pub(super) decoded: Option<Box<Decoded>>,
    /// One bit for each [`Member`] that was read.
    seen: u16,
    /// The rank of the thread that was found, in the order of preference; 0 if none was.
    rank: u8,
}

impl Parts {
    pub(super) fn has(&self, member: Member) -> bool {
        self.seen & (1 << member as u16) != 0
    }
}

/// Where a value is in the frame; all zero if there is none. A text's span is without its quotes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    pub(super) fn range(self) -> Option<Range<usize>> {
        (self.end != 0).then_some(self.start..self.end)
    }
}

/// The texts among the parts that are written with escapes.
#[derive(Debug, Clone, Default)]
pub(super) struct Decoded {
    pub(super) method: Option<String>,
    pub(super) thread: Option<String>,
    pub(super) parent: Option<String>,
}

/// The members that the scan looks for. Each may stand once.
#[derive(Clone, Copy)]
pub(super) enum Member {
    Version,
    Id,
    Method,
    Params,
    Result,
    Error,
    /// `thread` in `params` or `result`, as the next three.
    Thread,
    ThreadId,
    ConversationId,
    ReviewThreadId,
    /// `id` in `thread`, as the next.
    InnerId,
    ParentId,
}

impl Member {
    fn name(self) -> &'static str {
        match self {
            Self::Version => "jsonrpc",
            Self::Id => "id",
            Self::Method => "method",
            Self::Params => "params",
            Self::Result => "result",
            Self::Error => "error",
            Self::Thread => "thread",
            Self::ThreadId => "threadId",
            Self::ConversationId => "conversationId",
            Self::ReviewThreadId => "reviewThreadId",
            Self::InnerId => "thread.id",
            Self::ParentId => "thread.parentThreadId",
        }
    }
}

/// Their names, as they stand in a frame.
const NAMES: [&str; 11] = [
    r#""jsonrpc""#,
    r#""id""#,
    r#""method""#,
    r#""params""#,
    r#""result""#,
    r#""error""#,
    r#""thread""#,
    r#""threadId""#,
    r#""conversationId""#,
    r#""reviewThreadId""#,
    r#""parentThreadId""#,
];

/// The letter that all names in `params`, `result` and `thread` end with. Nine of ten other names do not.
const LAST_LETTER: Option<u8> = Some(b'd');

/// The scan stops here; [`Scan::fault`] says why.
struct Stop;

/// The scan at work.
///
/// It walks from colon to colon in at most three objects inside each other (message, payload, thread), so it needs no
/// stack for them; everything deeper is skipped from bracket to bracket. The text before a colon is the
/// member's name; values that are not ours are not looked at.
struct Scan<'a> {
    frame: &'a [u8],
    structure: Structure<'a>,
    at: usize,
    parts: Parts,
    /// The first broken rule, after which the scan goes on, to learn the id and whether the frame is JSON at all;
    /// or why it is not.
    fault: Option<Problem>,
}

impl<'a> Scan<'a> {
    /// Decides the kind by the members that are there, unless a rule is broken.
    fn kind(&self) -> Result<EnvelopeKind, Problem> {
        if std::str::from_utf8(self.frame).is_err() {
            return Err(Problem::NotUtf8);
        }
        if let Some(problem) = self.fault {
            return Err(problem);
        }
        let members = [Member::Method, Member::Params, Member::Result, Member::Error];
        let id = self.parts.has(Member::Id);
        let null = id && self.frame[self.parts.id.start] == b'n';
        match members.map(|member| self.parts.has(member)) {
            [true, _, false, false] if !id => Ok(EnvelopeKind::Notification),
            [true, _, false, false] if !null => Ok(EnvelopeKind::Request),
            [false, false, true, false] if id && !null => Ok(EnvelopeKind::Response),
            [false, false, false, true] if id => Ok(EnvelopeKind::ErrorResponse),
            [true, _, false, false] | [false, false, true, false] if null => Err(Problem::BadId),
            _ => Err(Problem::Members),
        }
    }

    #[cold]
    fn into_error(self, problem: Problem) -> EnvelopeError {
        let answers = self.parts.has(Member::Result) || self.parts.has(Member::Error);
        let id = match problem {
            Problem::Duplicate("id") => None,
            _ => self.parts.id.range().and_then(|span| read_id(&self.frame[span])).flatten(),
        };
        EnvelopeError::new(problem, id, answers && !self.parts.has(Member::Method))
    }

    /// Reads the whole frame.
    fn message(&mut self) -> Result<(), Stop> {
        match self.peek() {
            b'{' => self.walk(None, Self::message_member)?,
            first => {
                self.skip(first)?;
                self.fault(if first == b'[' { Problem::Batch } else { Problem::NotAnObject });
            }
        }
        self.peek();
        if self.at < self.frame.len() {
            return Err(self.unexpected());
        }
        if self.structure.seen().control {
            return Err(self.stop(Problem::ControlCharacter));
        }
        Ok(())
    }

    /// Walks through an object from its opening brace. After each of its own colons it calls `member` with text that
    /// ends with the member's quoted name, if it is one of ours; names that do not end with `last` may be left out.
    #[inline(always)]
    fn walk(
        &mut self,
        last: Option<u8>,
        member: impl Fn(&mut Self, &[u8]) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.at += 1;
        loop {
            self.at = self.structure.next_mark(self.at);
            match self.frame.get(self.at) {
                Some(b':') => {
                    let before = &self.frame[..self.at];
                    self.at += 1;
                    let name = match before {
                        [.., letter, b'"'] if !self.structure.seen().backslash => {
                            if last.is_some_and(|last| last != *letter) {
                                continue;
                            }
                            before
                        }
                        _ => self.name_well_before(before)?,
                    };
                    member(self, name)?;
                }
                Some(b'{' | b'[') => self.brackets()?,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    /// Text that ends with the quoted name at the end of `before`, when white space may follow the name
    /// or there may be escapes in it. Nothing if the name is not one of ours.
    #[cold]
    fn name_well_before(&mut self, before: &'a [u8]) -> Result<&'a [u8], Stop> {
        let before = before.trim_ascii_end();
        let Some(mut head) = before.strip_suffix(b"\"") else { return Ok(b"") };
        loop {
            head = &head[..memchr::memrchr(b'"', head).unwrap_or(0)];
            let backslashes = head.iter().rev().take_while(|byte| **byte == b'\\').count();
            if head.is_empty() || backslashes.is_multiple_of(2) {
                break;
            }
        }
        let quoted = &before[head.len()..];
        if memchr::memchr(b'\\', quoted).is_none() {
            return Ok(before);
        }
        match serde_json::from_slice::<String>(quoted) {
            Ok(name) => {
                let ours = NAMES.into_iter().find(|ours| ours[1..ours.len() - 1] == name);
                Ok(ours.unwrap_or_default().as_bytes())
            }
            Err(_) => Err(self.stop(Problem::Syntax(head.len()))),
        }
    }

    #[inline(always)]
    fn message_member(&mut self, name: &[u8]) -> Result<(), Stop> {
        if name.ends_with(b"\"method\"") {
            self.method()
        } else if name.ends_with(b"\"params\"") {
            self.payload(Member::Params, |this, first| match first {
                b'{' => this.walk(LAST_LETTER, Self::params_member),
                b'[' => this.brackets(),
                b'n' => this.scalar(),
                _ => {
                    this.fault(Problem::BadParams);
                    this.skip(first)
                }
            })
        } else if name.ends_with(b"\"id\"") {
            self.id()
        } else if name.ends_with(b"\"result\"") {
            self.payload(Member::Result, |this, first| match first {
                b'{' => this.walk(LAST_LETTER, Self::result_member),
                _ => this.skip(first),
            })
        } else if name.ends_with(b"\"error\"") {
            self.payload(Member::Error, |this, first| {
                if first != b'{' {
                    this.fault(Problem::BadError);
                }
                this.skip(first)
            })
        } else if name.ends_with(b"\"jsonrpc\"") {
            self.version()
        } else {
            Ok(())
        }
    }

    fn method(&mut self) -> Result<(), Stop> {
        self.once(Member::Method);
        let first = self.peek();
        if first == b'"' {
            self.parts.method = self.text(|decoded| &mut decoded.method)?;
        } else {
            self.fault(Problem::BadMethod);
            self.skip(first)?;
        }
        self.end_member()
    }

    fn id(&mut self) -> Result<(), Stop> {
        self.once(Member::Id);
        let first = self.peek();
        let start = self.at;
        self.skip(first)?;
        let raw = &self.frame[start..self.at];
        let plain = first == b'"' && !raw.contains(&b'\\');
        let valid = plain || read_id(raw).is_some();
        if !valid && first == b'"' {
            return Err(self.stop(Problem::Syntax(start)));
        }
        let end = self.at;
        self.end_member()?;
        if valid {
            self.parts.id = Span { start, end };
        } else {
            self.fault(Problem::BadId);
        }
        Ok(())
    }

    fn version(&mut self) -> Result<(), Stop> {
        self.once(Member::Version);
        let first = self.peek();
        let start = self.at;
        self.skip(first)?;
        let raw = &self.frame[start..self.at];
        let same = || serde_json::from_slice::<String>(raw).is_ok_and(|version| version == "2.0");
        if raw != br#""2.0""# && !same() {
            self.fault(Problem::BadVersion);
        }
        self.end_member()
    }

    #[inline(always)]
    fn payload(
        &mut self,
        member: Member,
        read: impl Fn(&mut Self, u8) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.once(member);
        let first = self.peek();
        let start = self.at;
        read(self, first)?;
        self.parts.payload = Span { start, end: self.at };
        self.end_member()
    }

    /// Checks that the value that was just read is complete.
    #[inline(always)]
    fn end_member(&mut self) -> Result<(), Stop> {
        match self.peek() {
            b',' | b'}' => Ok(()),
            _ => Err(self.unexpected()),
        }
    }

    fn params_member(&mut self, name: &[u8]) -> Result<(), Stop> {
        if name.ends_with(b"\"threadId\"") {
            self.thread_id(Member::ThreadId, 4)
        } else if name.ends_with(b"\"thread\"") {
            self.thread()
        } else if name.ends_with(b"\"conversationId\"") {
            self.thread_id(Member::ConversationId, 2)
        } else {
            Ok(())
        }
    }

    fn result_member(&mut self, name: &[u8]) -> Result<(), Stop> {
        if name.ends_with(b"\"thread\"") {
            self.thread()
        } else if name.ends_with(b"\"reviewThreadId\"") {
            self.thread_id(Member::ReviewThreadId, 2)
        } else if name.ends_with(b"\"threadId\"") {
            self.thread_id(Member::ThreadId, 1)
        } else {
            Ok(())
        }
    }

    fn thread(&mut self) -> Result<(), Stop> {
        self.once(Member::Thread);
        if self.peek() != b'{' {
            return Ok(());
        }
        self.walk(LAST_LETTER, |this, name| {
            if name.ends_with(b"\"id\"") {
                return this.thread_id(Member::InnerId, 3);
            }
            if name.ends_with(b"\"parentThreadId\"") {
                this.once(Member::ParentId);
                if this.peek() == b'"' {
                    this.parts.parent = this.text(|decoded| &mut decoded.parent)?;
                }
            }
            Ok(())
        })
    }

    /// Reads a thread id, and keeps it if none of a higher rank was there.
    #[inline(always)]
    fn thread_id(&mut self, member: Member, rank: u8) -> Result<(), Stop> {
        self.once(member);
        if self.peek() != b'"' || rank < self.parts.rank {
            return Ok(());
        }
        if let Some(decoded) = &mut self.parts.decoded {
            decoded.thread = None;
        }
        self.parts.rank = rank;
        self.parts.thread = self.text(|decoded| &mut decoded.thread)?;
        Ok(())
    }

    /// Skips one value of any kind, from its first byte.
    #[inline(always)]
    fn skip(&mut self, first: u8) -> Result<(), Stop> {
        match first {
            b'"' => self.string().map(drop),
            b'{' | b'[' => self.brackets(),
            _ => self.scalar(),
        }
    }

    /// Reads a string from its opening quote, and returns what is between its quotes.
    #[inline(always)]
    fn string(&mut self) -> Result<&'a [u8], Stop> {
        let start = self.at + 1;
        let end = self.structure.next_quote(start);
        self.at = end + 1;
        match self.frame.get(start..end) {
            Some(raw) if end < self.frame.len() => Ok(raw),
            _ => Err(self.stop(Problem::Truncated)),
        }
    }

    /// Reads a string that will be handed out. If it is written with escapes, it is decoded into its place.
    #[inline(always)]
    fn text(&mut self, place: fn(&mut Decoded) -> &mut Option<String>) -> Result<Span, Stop> {
        let start = self.at;
        let raw = self.string()?;
        if self.structure.seen().backslash && raw.contains(&b'\\') {
            match serde_json::from_slice(&self.frame[start..self.at]) {
                Ok(text) => *place(self.parts.decoded.get_or_insert_default()) = Some(text),
                Err(_) => return Err(self.stop(Problem::Syntax(start))),
            }
        }
        Ok(Span { start: start + 1, end: self.at - 1 })
    }

    /// Skips from an opening bracket to the one that closes it.
    fn brackets(&mut self) -> Result<(), Stop> {
        let mut open = Nesting::default();
        loop {
            self.at = self.structure.next_bracket(self.at);
            let byte = self.frame.get(self.at).copied().unwrap_or(0);
            // One bit tells curly from square, and with it set both kinds open and close alike.
            let curly = u64::from(byte >> 5 & 1);
            match byte | 0x20 {
                b'{' => open.push(curly),
                b'}' if open.pop() == curly => {}
                _ => return Err(self.unexpected()),
            }
            self.at += 1;
            if open.is_empty() {
                return Ok(());
            }
        }
    }

    /// Skips a number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Result<(), Stop> {
        let rest = self.frame.get(self.at..).unwrap_or_default();
        let length = match rest {
            [b't', b'r', b'u', b'e', ..] | [b'n', b'u', b'l', b'l', ..] => 4,
            [b'f', b'a', b'l', b's', b'e', ..] => 5,
            _ => number_length(rest),
        };
        if length == 0 {
            return Err(self.unexpected());
        }
        self.at += length;
        Ok(())
    }

    /// Skips white space, and looks at the byte that comes then; 0 at the end, where JSON has none.
    #[inline(always)]
    fn peek(&mut self) -> u8 {
        match self.frame.get(self.at) {
            Some(&byte) if byte > b' ' => byte,
            _ => self.peek_further(),
        }
    }

    #[cold]
    fn peek_further(&mut self) -> u8 {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.frame.get(self.at) {
            self.at += 1;
        }
        self.frame.get(self.at).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn once(&mut self, member: Member) {
        if self.parts.has(member) {
            self.fault(Problem::Duplicate(member.name()));
        }
        self.parts.seen |= 1 << member as u16;
    }

    /// Notes a broken rule.
    #[cold]
    fn fault(&mut self, problem: Problem) {
        // A second id makes the first one doubtful, even if something else is wrong.
        if self.fault.is_none() || problem == Problem::Duplicate("id") {
            self.fault = Some(problem);
        }
    }

    /// The byte here cannot stand here.
    #[cold]
    fn unexpected(&mut self) -> Stop {
        let truncated = self.at >= self.frame.len();
        self.stop(if truncated { Problem::Truncated } else { Problem::Syntax(self.at) })
    }

    #[cold]
    fn stop(&mut self, problem: Problem) -> Stop {
        self.fault = Some(problem);
        Stop
    }
}

/// The length of the number at the start of `bytes`, by JSON's grammar; 0 if there is none.
fn number_length(bytes: &[u8]) -> usize {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    // Where the digits from `at` on end, or 0 if there are none.
    let digits = |at: usize| {
        let mut end = at;
        while byte(end).is_ascii_digit() {
            end += 1;
        }
        if end == at { 0 } else { end }
    };
    let start = usize::from(byte(0) == b'-');
    let mut end = if byte(start) == b'0' { start + 1 } else { digits(start) };
    if end != 0 && byte(end) == b'.' {
        end = digits(end + 1);
    }
    if end != 0 && matches!(byte(end), b'e' | b'E') {
        let sign = usize::from(matches!(byte(end + 1), b'+' | b'-'));
        end = digits(end + 1 + sign);
    }
    end
}

//! One answer of a scripted model, from its first byte to its end.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Gate;

/// Text with everything that a terminal must never receive raw: SGR and cursor escapes, an OSC title, an OSC 8 link,
/// a C1 control, a carriage return that overwrites, a backspace, a bell, and bidi overrides and isolates.
pub const HOSTILE_TEXT: &str = "safe \u{1b}[31mred\u{1b}[0m \u{1b}[2J\u{1b}[H \u{1b}]0;owned\u{7} \
     \u{1b}]8;;http://127.0.0.1/\u{1b}\\link\u{1b}]8;;\u{1b}\\ \u{9b}5n before\rafter back\u{8}space \u{7} \
     \u{202e}rtl\u{202c} \u{2066}isolate\u{2069} end";

/// One answer of a scripted model.
///
/// It is built as what is sent, in order: `Reply::new().commentary("Looking.").hold(&gate).run("ls")`. What stands
/// before the first part that is sent delays the HTTP head as well. Unless one of the endings is chosen
/// ([`without_completed`](Reply::without_completed), [`dropped`](Reply::dropped), …) the stream ends with
/// `response.completed`.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    /// Server-sent events.
    Stream { parts: Vec<Part>, ending: Ending, usage: Usage },
    /// A plain answer in one piece.
    Plain { parts: Vec<Part>, text: String },
}

#[derive(Clone, Debug)]
pub(super) enum Part {
    Message { text: String, phase: Option<&'static str>, pieces: usize, over: Duration, whole: bool },
    Reasoning(String),
    Call { namespace: Option<String>, name: String, arguments: String },
    CustomCall { name: String, input: String },
    Event(Value),
    Raw(Vec<u8>),
    Pause(Duration),
    Hold(Gate),
}

#[derive(Clone, Debug)]
pub(super) enum Ending {
    Completed,
    WithoutCompleted,
    Dropped,
    Hanging,
    Incomplete { reason: String },
    Failed { code: String, message: String },
}

/// The token counts that a reply reports. Codex adds them up into `thread/tokenUsage/updated`.
///
/// Exhaustive on purpose: tests write it out.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Tokens read, the cached ones included. Default 100.
    pub input: u64,
    /// Tokens read from the cache. Default 0.
    pub cached_input: u64,
    /// Tokens written, those of the reasoning included. Default 20.
    pub output: u64,
    /// Tokens of the reasoning. Default 0.
    pub reasoning: u64,
}

impl Usage {
    /// Counts without cache and reasoning.
    pub fn new(input: u64, output: u64) -> Self {
        Self { input, output, ..Self::default() }
    }
}

impl Default for Usage {
    fn default() -> Self {
        Self { input: 100, cached_input: 0, output: 20, reasoning: 0 }
    }
}

/// One finding of a native review, in the shape that Codex asks its reviewer model for.
#[derive(Clone, Debug)]
pub struct Finding {
    title: String,
    body: String,
    path: PathBuf,
    lines: RangeInclusive<u32>,
    priority: u8,
    confidence: f64,
}

impl Finding {
    /// A finding of priority 1 and confidence 0.9. `path` is absolute, as Codex asks its model for; lines count from
    /// 1. Codex shows it as `- [P1] title — path:first-last`.
    pub fn new(
        title: impl Into<String>,
        body: impl Into<String>,
        path: impl Into<PathBuf>,
        lines: RangeInclusive<u32>,
    ) -> Self {
        Self {
            title: title.into(),
            body: body.into(),
            path: path.into(),
            lines,
            priority: 1,
            confidence: 0.9,
        }
    }

    /// The priority, 0 (blocks everything) to 3 (nice to have). Default 1.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// The confidence, 0.0 to 1.0. Default 0.9.
    #[must_use]
    pub fn confidence(mut self, confidence: f64) -> Self {
        self.confidence = confidence;
        self
    }

    fn to_json(&self) -> Value {
        json!({
            "title": self.title,
            "body": self.body,
            "confidence_score": self.confidence,
            "priority": self.priority,
            "code_location": {
                "absolute_file_path": self.path,
                "line_range": { "start": self.lines.start(), "end": self.lines.end() },
            },
        })
    }
}

/// What Codex's own reviewer model answers: an explanation and findings, correct when there are none.
pub fn review_json(explanation: &str, findings: &[Finding]) -> Value {
    let verdict = if findings.is_empty() { "patch is correct" } else { "patch is incorrect" };
    json!({
        "findings": findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        "overall_correctness": verdict,
        "overall_explanation": explanation,
        "overall_confidence_score": 0.9,
    })
}

/// Whole answers, ready made.
impl Reply {
    /// An answer with nothing in it: Codex completes the turn without a message.
    pub fn new() -> Self {
        let body = Body::Stream { parts: Vec::new(), ending: Ending::Completed, usage: Usage::default() };
        Self { status: 200, headers: vec![header("content-type", "text/event-stream")], body }
    }

    /// One message.
    pub fn message(text: impl Into<String>) -> Self {
        Self::new().say(text)
    }

    /// The gate's verdict to let the change pass: a first line `ALLOW: reason`.
    pub fn allow(reason: &str) -> Self {
        Self::message(format!("ALLOW: {reason}"))
    }

    /// The gate's verdict to block: a first line `BLOCK: reason`.
    pub fn block(reason: &str) -> Self {
        Self::message(format!("BLOCK: {reason}"))
    }

    /// One message that is this JSON and nothing else, as a turn with an `outputSchema` answers.
    pub fn json(value: &Value) -> Self {
        Self::message(value.to_string())
    }

    /// The answer of Codex's own reviewer, which Codex renders as text: the explanation, then the findings.
    pub fn review(explanation: &str, findings: &[Finding]) -> Self {
        Self::json(&review_json(explanation, findings))
    }

    /// A shell command. Codex runs it and asks again with its output, so a second reply has to follow.
    pub fn command(command: &str) -> Self {
        Self::new().run(command)
    }

    /// A patch in Codex's own format (`*** Begin Patch` …). Codex applies it and asks again, for a model that has the
    /// tool: see [`HomeConfig::new`](crate::home::HomeConfig::new).
    pub fn patch(patch: impl Into<String>) -> Self {
        Self::new().apply_patch(patch)
    }

    /// A message of `bytes` bytes, in lines of 64.
    pub fn huge(bytes: usize) -> Self {
        let line = [b'x'; 63];
        let mut text = String::with_capacity(bytes + 64);
        while text.len() < bytes {
            text.push_str(std::str::from_utf8(&line).unwrap_or_default());
            text.push('\n');
        }
        text.truncate(bytes);
        Self::message(text)
    }

    /// A message of [`HOSTILE_TEXT`].
    pub fn hostile() -> Self {
        Self::message(HOSTILE_TEXT)
    }

    /// Takes the request and never answers, until the other side goes or the endpoint is dropped.
    pub fn hang() -> Self {
        Self::new().hold(&Gate::new())
    }

    /// An HTTP status with a JSON body and no events, as an API error is sent.
    pub fn http(status: u16, body: impl Into<String>) -> Self {
        let headers = vec![header("content-type", "application/json")];
        Self { status, headers, body: Body::Plain { parts: Vec::new(), text: body.into() } }
    }

    /// An HTTP error with an API error as its body.
    pub fn error(status: u16, message: &str) -> Self {
        Self::http(status, json!({ "error": { "message": message, "type": "scripted" } }).to_string())
    }

    /// HTTP 429 as it is sent to an account whose usage is spent for `resets_in` more.
    pub fn usage_limit(resets_in: Duration) -> Self {
        let seconds = resets_in.as_secs();
        let error =
            json!({ "type": "usage_limit_reached", "message": "usage limit", "resets_in_seconds": seconds });
        Self::http(429, json!({ "error": error }).to_string()).header("retry-after", &seconds.to_string())
    }

    /// HTTP 200 with events that are no JSON, then a proper end of the body.
    pub fn malformed() -> Self {
        Self::new().raw("event: response.output_item.done\ndata: {\"type\":\n\n").without_completed()
    }
}

/// What is sent, in the order of the calls.
impl Reply {
    /// A message.
    #[must_use]
    pub fn say(self, text: impl Into<String>) -> Self {
        self.stream(text, 1, Duration::ZERO)
    }

    /// A message with the phase `commentary`.
    #[must_use]
    pub fn commentary(self, text: impl Into<String>) -> Self {
        self.text(text, Some("commentary"), 1, Duration::ZERO, true)
    }

    /// A message with the phase `final_answer`. Codex goes on all the same when a tool call follows it.
    #[must_use]
    pub fn final_answer(self, text: impl Into<String>) -> Self {
        self.text(text, Some("final_answer"), 1, Duration::ZERO, true)
    }

    /// A message in `pieces` deltas, spread evenly over the time `over`.
    #[must_use]
    pub fn stream(self, text: impl Into<String>, pieces: usize, over: Duration) -> Self {
        self.text(text, None, pieces, over, true)
    }

    /// A message that begins and is never finished: for replies that break off.
    #[must_use]
    pub fn partial(self, text: impl Into<String>) -> Self {
        self.text(text, None, 1, Duration::ZERO, false)
    }

    /// A reasoning item with this summary.
    #[must_use]
    pub fn reason(self, summary: impl Into<String>) -> Self {
        self.part(Part::Reasoning(summary.into()))
    }

    /// A shell command through the tool `exec_command`.
    #[must_use]
    pub fn run(self, command: &str) -> Self {
        self.call(None, "exec_command", &json!({ "cmd": command }))
    }

    /// A shell command that asks to run outside the sandbox. With `approvalPolicy: "on-request"` Codex then sends
    /// `item/commandExecution/requestApproval`.
    #[must_use]
    pub fn run_escalated(self, command: &str, justification: &str) -> Self {
        let escalated = "require_escalated";
        let arguments =
            json!({ "cmd": command, "sandbox_permissions": escalated, "justification": justification });
        self.call(None, "exec_command", &arguments)
    }

    /// A patch through the tool `apply_patch`.
    #[must_use]
    pub fn apply_patch(self, patch: impl Into<String>) -> Self {
        self.part(Part::CustomCall { name: "apply_patch".into(), input: patch.into() })
    }

    /// A call of a tool of an MCP server that Codex has configured.
    #[must_use]
    pub fn call_mcp(self, server: &str, tool: &str, arguments: &Value) -> Self {
        self.call(Some(&format!("mcp__{server}")), tool, arguments)
    }

    /// A call of any function tool. Grouped tools have a namespace: `mcp__SERVER`, `multi_agent_v1`.
    #[must_use]
    pub fn call(self, namespace: Option<&str>, name: &str, arguments: &Value) -> Self {
        let namespace = namespace.map(str::to_owned);
        self.part(Part::Call { namespace, name: name.to_owned(), arguments: arguments.to_string() })
    }

    /// Any event; its `type` member names it.
    #[must_use]
    pub fn event(self, event: Value) -> Self {
        self.part(Part::Event(event))
    }

    /// Bytes of the event stream as they are.
    #[must_use]
    pub fn raw(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.part(Part::Raw(bytes.into()))
    }

    /// Waits for a time. For what must be slow; to wait for a state, [`hold`](Reply::hold).
    #[must_use]
    pub fn pause(self, time: Duration) -> Self {
        self.part(Part::Pause(time))
    }

    /// Waits until the gate is released.
    #[must_use]
    pub fn hold(self, gate: &Gate) -> Self {
        self.part(Part::Hold(gate.clone()))
    }

    /// Sets a header of the answer, in the place of one with this name. Names in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self.headers.push(header(name, value));
        self
    }

    /// The headers from which Codex makes `account/rateLimits/updated`: percent used, the window in minutes and the
    /// Unix time of its end in seconds, for the `primary` or the `secondary` window.
    #[must_use]
    pub fn rate_limit(self, window: &str, used_percent: f64, minutes: u64, resets_at: u64) -> Self {
        self.header(&format!("x-codex-{window}-used-percent"), &used_percent.to_string())
            .header(&format!("x-codex-{window}-window-minutes"), &minutes.to_string())
            .header(&format!("x-codex-{window}-reset-at"), &resets_at.to_string())
    }

    /// The token counts of `response.completed`. Default [`Usage::default`].
    #[must_use]
    pub fn usage(mut self, counts: Usage) -> Self {
        if let Body::Stream { usage, .. } = &mut self.body {
            *usage = counts;
        }
        self
    }

    fn text(
        self,
        text: impl Into<String>,
        phase: Option<&'static str>,
        pieces: usize,
        over: Duration,
        whole: bool,
    ) -> Self {
        self.part(Part::Message { text: text.into(), phase, pieces: pieces.max(1), over, whole })
    }

    fn part(mut self, part: Part) -> Self {
        match &mut self.body {
            Body::Stream { parts, .. } | Body::Plain { parts, .. } => parts.push(part),
        }
        self
    }
}

/// How it ends, when not with `response.completed`.
impl Reply {
    /// The body ends properly, without `response.completed`: Codex fails the turn.
    #[must_use]
    pub fn without_completed(self) -> Self {
        self.ending(Ending::WithoutCompleted)
    }

    /// The connection breaks in the middle of the body.
    #[must_use]
    pub fn dropped(self) -> Self {
        self.ending(Ending::Dropped)
    }

    /// Nothing more comes, and the connection stays open.
    #[must_use]
    pub fn hanging(self) -> Self {
        self.ending(Ending::Hanging)
    }

    /// `response.incomplete`, for example with the reason `max_output_tokens`.
    #[must_use]
    pub fn incomplete(self, reason: &str) -> Self {
        self.ending(Ending::Incomplete { reason: reason.to_owned() })
    }

    /// `response.failed` with an error code and a message.
    #[must_use]
    pub fn failed(self, code: &str, message: &str) -> Self {
        self.ending(Ending::Failed { code: code.to_owned(), message: message.to_owned() })
    }

    fn ending(mut self, chosen: Ending) -> Self {
        if let Body::Stream { ending, .. } = &mut self.body {
            *ending = chosen;
        }
        self
    }
}

impl Default for Reply {
    fn default() -> Self {
        Self::new()
    }
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sent(reply: Reply) -> (String, bool) {
        let mut out = Vec::new();
        let again = reply.send(&mut out).await.unwrap();
        (String::from_utf8(out).unwrap(), again)
    }

    #[tokio::test]
    async fn a_message_is_a_chunked_event_stream() {
        let (text, again) = sent(Reply::message("hello")).await;
        assert!(again && text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("0\r\n\r\n"), "{text}");
        for part in ["transfer-encoding: chunked", "\"delta\":\"hello\"", "event: response.completed\n"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[tokio::test]
    async fn a_dropped_reply_has_no_end() {
        let (text, again) = sent(Reply::new().partial("half").dropped()).await;
        assert!(!again && !text.contains("0\r\n\r\n") && !text.contains("output_item.done"), "{text}");
    }

    #[tokio::test]
    async fn an_http_error_is_one_piece() {
        let (text, again) = sent(Reply::usage_limit(Duration::from_secs(7))).await;
        assert!(again && text.starts_with("HTTP/1.1 429 ") && text.contains("retry-after: 7\r\n"), "{text}");
        assert!(text.contains("\"resets_in_seconds\":7"), "{text}");
    }

    #[tokio::test]
    async fn a_header_takes_the_place_of_one_with_its_name() {
        let (text, _) = sent(Reply::http(200, "data").header("content-type", "text/event-stream")).await;
        assert_eq!(text.matches("content-type: ").count(), 1, "{text}");
        assert!(text.contains("content-type: text/event-stream\r\n"), "{text}");
    }

    #[test]
    fn a_huge_reply_has_its_size() {
        let Body::Stream { parts, .. } = Reply::huge(1000).body else { panic!("a stream") };
        assert!(matches!(&parts[0], Part::Message { text, .. } if text.len() == 1000));
    }
}

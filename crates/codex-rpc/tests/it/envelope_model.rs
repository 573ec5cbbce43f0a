//! What the envelope of a message ought to say: `serde_json`, member by member. Also for `fuzz/targets`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt;

use codex_rpc::message::{Envelope, EnvelopeError, EnvelopeKind, RequestId, RpcError};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What the scan says, or ought to say, of one frame.
#[derive(Debug, PartialEq)]
pub(crate) struct Parts {
    pub(crate) kind: EnvelopeKind,
    pub(crate) id: Option<RequestId>,
    pub(crate) method: Option<String>,
    pub(crate) thread: Option<String>,
    pub(crate) parent: Option<String>,
    pub(crate) params: Option<String>,
    pub(crate) result: Option<String>,
    pub(crate) error: Option<String>,
}

/// Why a frame is refused.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    Parse,
    Invalid,
}

pub(crate) fn scan(frame: &[u8]) -> Result<Parts, Refusal> {
    let text = |text: Option<&str>| text.map(str::to_owned);
    let raw = |raw: Option<&[u8]>| raw.map(|raw| String::from_utf8(raw.to_vec()).unwrap());
    match Envelope::scan(frame) {
        Ok(envelope) => {
            let spans = [envelope.params_span(), envelope.result_span(), envelope.error_span()];
            let slices = [envelope.params(), envelope.result(), envelope.error()];
            assert_eq!(spans.map(|span| span.map(|span| &frame[span])), slices);
            Ok(Parts {
                kind: envelope.kind(),
                id: envelope.id(),
                method: text(envelope.method()),
                thread: text(envelope.thread_id()),
                parent: text(envelope.parent_thread_id()),
                params: raw(envelope.params()),
                result: raw(envelope.result()),
                error: raw(envelope.error()),
            })
        }
        Err(error) => Err(refusal(&error)),
    }
}

pub(crate) fn refusal(error: &EnvelopeError) -> Refusal {
    match error.code() {
        RpcError::PARSE_ERROR => Refusal::Parse,
        RpcError::INVALID_REQUEST => Refusal::Invalid,
        code => panic!("a code that nobody documents: {code}"),
    }
}

/// The members of an object in their order, with those that stand twice.
pub(crate) struct Members(pub(crate) Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl Members {
    /// `Err` if the member occurs twice.
    pub(crate) fn only(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (found, None) => Ok(found.map(|(_, value)| value.get())),
            _ => Err(Refusal::Invalid),
        }
    }
}

/// What the rules say of a frame that is valid JSON. `None` if a string that matters holds a lone surrogate, which is
/// JSON but no text.
pub(crate) fn model(frame: &str) -> Option<Result<Parts, Refusal>> {
    if !frame.trim_start().starts_with('{') {
        return Some(Err(Refusal::Invalid));
    }
    let members: Members = serde_json::from_str(frame).ok()?;
    let object = |text: Option<&str>| match text {
        Some(text) if text.starts_with('{') => serde_json::from_str(text).ok(),
        _ => Some(Members(Vec::new())),
    };
    let string = |text: Option<&str>| match text {
        Some(text) if text.starts_with('"') => serde_json::from_str(text).ok().map(Some),
        _ => Some(None::<String>),
    };
    // First all that a lone surrogate could spoil, then the rules.
    let last = |members: &Members, name: &str| -> Option<String> {
        members.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.get().to_owned())
    };
    let payloads = [last(&members, "params"), last(&members, "result")];
    let (params, result) = (object(payloads[0].as_deref())?, object(payloads[1].as_deref())?);
    let threads = [last(&params, "thread"), last(&result, "thread")];
    let inner = [object(threads[0].as_deref())?, object(threads[1].as_deref())?];
    for (name, from) in [("id", &members), ("method", &members), ("jsonrpc", &members)] {
        string(last(from, name).as_deref())?;
    }
    let known = ["threadId", "conversationId", "reviewThreadId", "id", "parentThreadId"];
    for from in [&params, &result, &inner[0], &inner[1]] {
        for name in known {
            string(last(from, name).as_deref())?;
        }
    }
    Some(rules(&members, &params, &result, &inner, &string))
}

fn rules(
    members: &Members,
    params: &Members,
    result: &Members,
    inner: &[Members; 2],
    string: &dyn Fn(Option<&str>) -> Option<Option<String>>,
) -> Result<Parts, Refusal> {
    let text = |value: Option<&str>| string(value).flatten();
    let owned = |value: Option<&str>| value.map(str::to_owned);
    let check = |fine: bool| if fine { Ok(()) } else { Err(Refusal::Invalid) };

    let id = members.only("id")?;
    let id_value = match id {
        None | Some("null") => None,
        Some(value) => Some(serde_json::from_str::<RequestId>(value).map_err(|_| Refusal::Invalid)?),
    };
    check(id != Some("-0"))?;
    let version = members.only("jsonrpc")?;
    check(version.is_none() || text(version).as_deref() == Some("2.0"))?;
    let method = members.only("method")?;
    check(method.is_none_or(|method| method.starts_with('"')))?;
    let [params_text, result_text, error_text] =
        [members.only("params")?, members.only("result")?, members.only("error")?];
    check(params_text.is_none_or(|text| text == "null" || text.starts_with(['{', '['])))?;
    check(error_text.is_none_or(|text| text.starts_with('{')))?;

    let kind = match (method, params_text, result_text, error_text) {
        (Some(_), _, None, None) if id.is_none() => EnvelopeKind::Notification,
        (Some(_), _, None, None) if id_value.is_some() => EnvelopeKind::Request,
        (None, None, Some(_), None) if id_value.is_some() => EnvelopeKind::Response,
        (None, None, None, Some(_)) if id.is_some() => EnvelopeKind::ErrorResponse,
        _ => return Err(Refusal::Invalid),
    };
    let mut candidates = Vec::new();
    params.only("thread")?;
    result.only("thread")?;
    candidates.push(params.only("threadId")?);
    candidates.push(inner[0].only("id")?);
    candidates.push(params.only("conversationId")?);
    candidates.push(inner[1].only("id")?);
    candidates.push(result.only("reviewThreadId")?);
    candidates.push(result.only("threadId")?);
    let parents = [inner[0].only("parentThreadId")?, inner[1].only("parentThreadId")?];
    Ok(Parts {
        kind,
        id: id_value,
        method: text(method),
        thread: candidates.into_iter().find_map(text),
        parent: parents.into_iter().find_map(text),
        params: owned(params_text.filter(|text| *text != "null")),
        result: owned(result_text),
        error: owned(error_text),
    })
}

/// Compares scan and model. Of frames that are not JSON, only this much is known: nothing panics, and what is
/// accepted has its parts in the frame.
pub(crate) fn compare(frame: &[u8]) {
    let scanned = scan(frame);
    let json = std::str::from_utf8(frame).ok().filter(|text| serde_json::from_str::<&RawValue>(text).is_ok());
    if let Some(expected) = json.and_then(model) {
        assert_eq!(scanned, expected, "{}", String::from_utf8_lossy(frame));
    }
}

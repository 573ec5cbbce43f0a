//! The envelope against a model: `serde_json`, member by member.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt;

use bytes::Bytes;
use codex_rpc::message::{
    Dialect, Envelope, EnvelopeError, EnvelopeKind, Message, RequestId, RpcError, encode_error,
    encode_notification, encode_request, encode_result,
};
use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

const NOTIFICATIONS: &str = include_str!("../fixtures/notifications.jsonl");

/// What the scan says, or ought to say, of one frame.
#[derive(Debug, PartialEq)]
struct Parts {
    kind: EnvelopeKind,
    id: Option<RequestId>,
    method: Option<String>,
    thread: Option<String>,
    parent: Option<String>,
    params: Option<String>,
    result: Option<String>,
    error: Option<String>,
}

/// Why a frame is refused.
#[derive(Debug, PartialEq)]
enum Refusal {
    Parse,
    Invalid,
}

fn scan(frame: &[u8]) -> Result<Parts, Refusal> {
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

fn refusal(error: &EnvelopeError) -> Refusal {
    match error.code() {
        RpcError::PARSE_ERROR => Refusal::Parse,
        RpcError::INVALID_REQUEST => Refusal::Invalid,
        code => panic!("a code that nobody documents: {code}"),
    }
}

/// The members of an object in their order, with those that stand twice.
struct Members(Vec<(String, Box<RawValue>)>);

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
    /// `Err` if the member stands twice.
    fn only(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (found, None) => Ok(found.map(|(_, value)| value.get())),
            _ => Err(Refusal::Invalid),
        }
    }
}

/// What the rules say of a frame that is valid JSON. `None` if a string that matters holds a lone surrogate, which is
/// JSON but no text.
fn model(frame: &str) -> Option<Result<Parts, Refusal>> {
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
fn compare(frame: &[u8]) -> Result<(), TestCaseError> {
    let scanned = scan(frame);
    let json = std::str::from_utf8(frame).ok().filter(|text| serde_json::from_str::<&RawValue>(text).is_ok());
    if let Some(expected) = json.and_then(model) {
        prop_assert_eq!(scanned, expected, "{}", String::from_utf8_lossy(frame));
    }
    Ok(())
}

/// JSON as it is written: members in any order and number, names and strings in any spelling.
#[derive(Debug, Clone)]
enum Json {
    Plain(&'static str),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// How to write it: each byte decides about one place where there is a choice.
struct Style<'a>(std::iter::Cycle<std::slice::Iter<'a, u8>>);

impl Style<'_> {
    fn space(&mut self, out: &mut String) {
        match self.0.next() {
            Some(choice @ 0..20) => out.push_str([" ", "\t", "\r\n", "  "][usize::from(choice % 4)]),
            Some(20) => out.push_str(&" ".repeat(70)),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, out: &mut String) {
        out.push('"');
        for letter in text.chars() {
            let escape = matches!(self.0.next(), Some(0..20));
            match letter {
                '"' | '\\' => out.extend(['\\', letter]),
                '\n' if !escape => out.push_str("\\n"),
                '/' if escape => out.push_str("\\/"),
                letter if escape || letter < ' ' => {
                    for unit in letter.encode_utf16(&mut [0; 2]) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                letter => out.push(letter),
            }
        }
        out.push('"');
    }

    fn write(&mut self, json: &Json, out: &mut String) {
        self.space(out);
        match json {
            Json::Plain(text) => out.push_str(text),
            Json::Text(text) => self.text(text, out),
            Json::Array(values) => {
                out.push('[');
                for (at, value) in values.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    self.write(value, out);
                }
                self.space(out);
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    self.space(out);
                    self.text(name, out);
                    self.space(out);
                    out.push(':');
                    self.write(value, out);
                }
                self.space(out);
                out.push('}');
            }
        }
        self.space(out);
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(
            &["", "t", "01a1f6cd-0bf8-7520", "2.0", "\"", "\\", "\\\"", "}]", "a\":{", "x/y\n", "é日😀"][..]
        )
        .prop_map(str::to_owned),
        "[ -~]{60,70}",
        any::<String>(),
    ]
}

fn name() -> impl Strategy<Value = String> {
    let names = [
        "id",
        "method",
        "params",
        "result",
        "error",
        "jsonrpc",
        "thread",
        "threadId",
        "conversationId",
        "reviewThreadId",
        "parentThreadId",
        "item",
        "turnId",
        "\"id",
        "\\",
    ];
    prop_oneof![9 => prop::sample::select(names.to_vec()).prop_map(str::to_owned), 1 => text()]
}

fn value() -> impl Strategy<Value = Json> {
    let plain = [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "7",
        "-1",
        "1.5e-7",
        "18446744073709551615",
        "18446744073709551616",
    ];
    let leaf =
        prop_oneof![prop::sample::select(plain.to_vec()).prop_map(Json::Plain), text().prop_map(Json::Text)];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::Array),
            prop::collection::vec((name(), inner), 0..6).prop_map(Json::Object),
        ]
    })
}

/// An object that may name a thread, once or more often.
fn payload() -> impl Strategy<Value = Json> {
    let id = || prop_oneof![4 => text().prop_map(Json::Text), 1 => value()];
    let ids = ["threadId", "conversationId", "reviewThreadId", "id", "parentThreadId"];
    let thread = prop::collection::vec((prop::sample::select(ids[3..].to_vec()), id()), 0..3);
    let thread = thread.prop_map(|members| {
        Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    });
    let known = prop::sample::select(ids.to_vec()).prop_map(str::to_owned);
    let member = prop_oneof![
        2 => (known, id()),
        1 => (Just("thread".to_owned()), thread),
        2 => (name(), value()),
    ];
    prop::collection::vec(member, 0..5).prop_map(Json::Object)
}

/// Mostly messages: the members that make up one kind, and more.
fn message() -> impl Strategy<Value = Json> {
    let id = prop_oneof![
        3 => prop::sample::select(vec!["0", "42", "-7", "18446744073709551615", "null", "1.0"]).prop_map(Json::Plain),
        1 => text().prop_map(Json::Text),
    ];
    let payload = prop_oneof![6 => payload(), 1 => value()];
    let method = prop_oneof![9 => text().prop_map(Json::Text), 1 => value()];
    let kind = prop::sample::select(vec![
        &["method", "params"][..],
        &["id", "method", "params"],
        &["id", "method"],
        &["id", "result"],
        &["id", "error"],
        &["jsonrpc", "method", "params"],
    ]);
    let others = prop::collection::vec((name(), value()), 0..3);
    let few = prop_oneof![3 => Just(0_usize), 1 => 1_usize..3];
    (kind, id, method, payload, others, few, any::<prop::sample::Index>()).prop_map(
        |(kind, id, method, payload, others, few, at)| {
            let value = |name: &str| match name {
                "id" => id.clone(),
                "method" => method.clone(),
                "jsonrpc" => Json::Text("2.0".into()),
                _ => payload.clone(),
            };
            let mut members: Vec<_> = kind.iter().map(|name| ((*name).to_owned(), value(name))).collect();
            members.extend(others.into_iter().take(few));
            let length = members.len();
            members.rotate_left(at.index(length));
            Json::Object(members)
        },
    )
}

fn written(json: &Json, style: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    Style(style.iter().cycle()).write(json, &mut out);
    out.into_bytes()
}

fn style() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(vec![255]), prop::collection::vec(any::<u8>(), 1..60)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn scan_and_model_agree_on_json(json in prop_oneof![9 => message(), 1 => value()], style in style()) {
        let frame = written(&json, &style);
        let text = std::str::from_utf8(&frame).unwrap();
        prop_assert!(serde_json::from_str::<&RawValue>(text).is_ok(), "the test writes JSON: {}", text);
        compare(&frame)?;
    }

    #[test]
    fn scan_and_model_agree_after_mutations(
        json in message(),
        style in style(),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..9, any::<u8>()), 1..5),
    ) {
        let mut frame = written(&json, &style);
        for (at, choice, byte) in mutations {
            let at = at.index(frame.len() + 1);
            let byte = [b'"', b'\\', b'{', b'}', b'[', b']', b':', b',', byte][choice];
            match byte % 3 {
                0 => frame.insert(at, byte),
                1 => drop(frame.drain(at..(at + 1 + choice).min(frame.len()))),
                _ => frame.splice(at..(at + 1).min(frame.len()), [byte]).for_each(drop),
            }
        }
        compare(&frame)?;
        // A prefix of a message is never one.
        let cut = frame.len() / 2;
        compare(&frame[..cut])?;
    }

    #[test]
    fn any_bytes_are_survived(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        likely in prop::collection::vec(prop::sample::select(b"{}[]\":,\\ 0eid\x01\xff".as_slice()), 0..200),
    ) {
        compare(&bytes)?;
        compare(&likely)?;
        let frame = [b"{\"method\":\"m\",\"params\":{".as_slice(), &likely].concat();
        compare(&frame)?;
    }

    #[test]
    fn ids_and_payloads_come_back_as_they_went(
        id in prop_oneof![
            any::<u64>().prop_map(RequestId::from),
            any::<i64>().prop_map(|id| RequestId::Number(id.into())),
            any::<String>().prop_map(RequestId::from),
        ],
        method in any::<String>(),
        payload in value(),
        json_rpc in any::<bool>(),
    ) {
        let payload: Value = serde_json::from_slice(&written(&payload, &[255])).unwrap();
        let dialect = if json_rpc { Dialect::JsonRpc2 } else { Dialect::Codex };
        let params = serde_json::json!({ "p": payload });
        let parse = |bytes: Bytes| {
            assert!(Envelope::scan(&bytes).unwrap().conforms_to(dialect));
            Message::parse(bytes).unwrap()
        };
        let value = |bytes: &Bytes| serde_json::from_slice::<Value>(bytes).unwrap();

        let request = parse(encode_request(dialect, &id, &method, Some(&params)).unwrap());
        let Message::Request { id: read, method: name, params: Some(raw) } = request else { panic!("{request:?}") };
        prop_assert_eq!((&read, &name, value(&raw)), (&id, &method, params.clone()));

        let notification = parse(encode_notification(dialect, &method, Some(&params)).unwrap());
        let Message::Notification { method: name, params: Some(raw) } = notification else { panic!("{notification:?}") };
        prop_assert_eq!((&name, value(&raw)), (&method, params));

        let response = parse(encode_result(dialect, &id, &payload).unwrap());
        let Message::Response { id: Some(read), result: Ok(raw) } = response else { panic!("{response:?}") };
        prop_assert_eq!((&read, value(&raw)), (&id, payload.clone()));

        let error = RpcError::new(RpcError::SERVER_BUSY, method).with_data(serde_json::json!([payload]));
        let response = parse(encode_error(dialect, Some(&id), &error).unwrap());
        prop_assert_eq!(response, Message::Response { id: Some(id), result: Err(error) });
    }
}

#[test]
fn the_recorded_notifications_are_read_as_the_model_reads_them() {
    let mut threads = 0;
    for line in NOTIFICATIONS.lines() {
        let parts = scan(line.as_bytes()).unwrap_or_else(|refusal| panic!("{refusal:?}: {line}"));
        assert_eq!(Some(Ok(&parts)), model(line).as_ref().map(Result::as_ref), "{line}");
        assert_eq!(parts.kind, EnvelopeKind::Notification);
        // All but those about the app-server itself name their thread.
        let method = parts.method.unwrap();
        let own = [
            "configWarning",
            "deprecationNotice",
            "remoteControl/status/changed",
            "account/rateLimits/updated",
        ];
        assert_eq!(parts.thread.is_none(), own.contains(&&*method), "{line}");
        threads += usize::from(parts.thread.is_some());
    }
    assert_eq!(threads, 900);
}

//! The envelope against a model: `serde_json`, member by member.

use bytes::Bytes;
use codex_rpc::message::{
    Dialect, Envelope, EnvelopeKind, Message, RequestId, RpcError, encode_error, encode_notification,
    encode_request, encode_result,
};
use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::envelope_model::{compare, model, scan};

const NOTIFICATIONS: &str = include_str!("../fixtures/notifications.jsonl");

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
        compare(&frame);
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
        compare(&frame);
        // A prefix of a message is never one.
        let cut = frame.len() / 2;
        compare(&frame[..cut]);
    }

    #[test]
    fn any_bytes_are_survived(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        likely in prop::collection::vec(prop::sample::select(b"{}[]\":,\\ 0eid\x01\xff".as_slice()), 0..200),
    ) {
        compare(&bytes);
        compare(&likely);
        let frame = [b"{\"method\":\"m\",\"params\":{".as_slice(), &likely].concat();
        compare(&frame);
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

use serde_json::json;
use serde_json::value::RawValue;

use super::*;

fn scan(frame: &str) -> Result<Envelope<'_>, EnvelopeError> {
    Envelope::scan(frame.as_bytes())
}

/// `KIND id method thread payload`, with `-` for what is not there.
fn check(frame: &str, expected: &str) {
    let envelope = scan(frame).unwrap_or_else(|error| panic!("{frame}: {error}"));
    let payload = envelope.params().or(envelope.result()).or(envelope.error());
    let shown = format!(
        "{:?} {} {} {} {}",
        envelope.kind(),
        envelope.id_span().map_or("-", |span| &frame[span]),
        envelope.method().unwrap_or("-"),
        envelope.thread_id().unwrap_or("-"),
        payload.map_or("-", |payload| std::str::from_utf8(payload).unwrap()),
    );
    assert_eq!(shown, expected, "{frame}");
}

/// `CODE id problem`, with `response` before it for what was meant as one.
fn refuse(frame: impl AsRef<[u8]>, expected: &str) {
    let shown = match Envelope::scan(frame.as_ref()) {
        Ok(envelope) => format!("accepted as {:?}", envelope.kind()),
        Err(error) => {
            let id = error.id().map_or("-".to_owned(), ToString::to_string);
            let response = if error.is_response() { "response " } else { "" };
            format!("{response}{} {id} {:?}", error.code(), error.problem())
        }
    };
    assert_eq!(shown, expected, "{}", String::from_utf8_lossy(frame.as_ref()));
}

#[test]
fn kinds_are_told_apart_by_members() {
    check(r#"{"id":1,"method":"m","params":{}}"#, "Request 1 m - {}");
    check(r#"{"id":1,"method":"m"}"#, "Request 1 m - -");
    check(r#"{"id":1,"method":"m","params":null}"#, "Request 1 m - -");
    check(r#"{"method":"m","params":[1,"]"]}"#, r#"Notification - m - [1,"]"]"#);
    check(r#"{"result":null,"id":"a b"}"#, r#"Response "a b" - - null"#);
    check(r#"{"id":-3,"result":"x\"y"}"#, r#"Response -3 - - "x\"y""#);
    check(r#"{"id":null,"error":{"code":1}}"#, r#"ErrorResponse null - - {"code":1}"#);
    check(" { \"id\" : 7 ,\t\"method\"\r:\"m\" , \"params\" : { } } ", "Request 7 m - { }");
    check(
        r#"{"trace":null,"n":-1.5e+3,"method":"m","t":true,"f":false,"o":{"id":2}}"#,
        "Notification - m - -",
    );
}

#[test]
fn the_thread_is_found_where_codex_puts_it() {
    check(r#"{"method":"m","params":{"threadId":"t"}}"#, r#"Notification - m t {"threadId":"t"}"#);
    let thread = |frame: &str| scan(frame).unwrap().thread_id().map(str::to_owned);
    let some = |id: &str| Some(id.to_owned());
    assert_eq!(thread(r#"{"method":"m","params":{"thread":{"x":{"id":"no"},"id":"t"}}}"#), some("t"));
    assert_eq!(thread(r#"{"id":1,"method":"m","params":{"conversationId":"t"}}"#), some("t"));
    assert_eq!(thread(r#"{"id":1,"result":{"thread":{"id":"t"}}}"#), some("t"));
    assert_eq!(thread(r#"{"id":1,"result":{"reviewThreadId":"t"}}"#), some("t"));
    assert_eq!(thread(r#"{"id":1,"result":{"threadId":"t"}}"#), some("t"));
    // The order of preference is not the order of members.
    assert_eq!(
        thread(r#"{"method":"m","params":{"conversationId":"c","thread":{"id":"i"},"threadId":"t"}}"#),
        some("t")
    );
    assert_eq!(
        thread(r#"{"method":"m","params":{"threadId":null,"conversationId":"c","thread":{"id":"i"}}}"#),
        some("i")
    );
    // Not there, not a string, or deeper inside.
    assert_eq!(thread(r#"{"method":"m","params":{"thread":"t"}}"#), None);
    assert_eq!(thread(r#"{"method":"m","params":{"threadId":7}}"#), None);
    assert_eq!(thread(r#"{"method":"m","params":{"item":{"threadId":"t"}},"threadId":"t"}"#), None);
    assert_eq!(thread(r#"{"method":"m","params":[{"threadId":"t"}]}"#), None);
    let child = scan(r#"{"method":"m","params":{"thread":{"parentThreadId":"p","id":"t"}}}"#).unwrap();
    assert_eq!((child.thread_id(), child.parent_thread_id()), (Some("t"), Some("p")));
}

#[test]
fn escapes_in_names_and_values_are_decoded() {
    check(
        r#"{"\u0069d":3,"m\u0065thod":"a\/b","p\u0061rams":{"thre\u0061dId":"t\n"}}"#,
        "Request 3 a/b t\n {\"thre\\u0061dId\":\"t\\n\"}",
    );
    assert_eq!(scan(r#"{"id":"\u00e9\\","result":1}"#).unwrap().id(), Some("é\\".into()));
    refuse(r#"{"id":1,"\u0069d":2,"method":"m"}"#, "-32600 - Duplicate(\"id\")");
    refuse(r#"{"method":"\q"}"#, "-32700 - Syntax(10)");
    refuse(r#"{"method":"\ud800"}"#, "-32700 - Syntax(10)");
}

#[test]
fn ids_are_kept_exactly_or_refused() {
    for id in ["0", "18446744073709551615", "-9223372036854775808", "-1", r#""""#, r#""1""#, r#""\u00e9""#] {
        let frame = format!(r#"{{"id":{id},"result":0}}"#);
        let read = scan(&frame).unwrap().id().unwrap();
        assert_eq!(read, serde_json::from_str(id).unwrap(), "{id}");
        let written = encode_result(Dialect::Codex, &read, &0).unwrap();
        assert_eq!(scan(std::str::from_utf8(&written).unwrap()).unwrap().id(), Some(read));
    }
    let others = ["1.0", "1e3", "-0", "18446744073709551616", "-9223372036854775809", "true", "[1]", "{}"];
    for id in others {
        refuse(format!(r#"{{"id":{id},"method":"m"}}"#), "-32600 - BadId");
        assert!(serde_json::from_str::<RequestId>(id).is_err(), "{id}");
    }
    assert_ne!(RequestId::from(1), RequestId::from("1"));
    assert_eq!(format!("{} {}", RequestId::from(1), RequestId::from("1\n")), r#"1 "1\n""#);
    let fraction = RequestId::Number(serde_json::Number::from_f64(1.5).unwrap());
    assert!(encode_result(Dialect::Codex, &fraction, &0).is_err());
}

#[test]
fn broken_rules_are_invalid_requests() {
    for empty in ["{}", r#"{"id":1}"#, r#"{"params":{}}"#, r#"{"jsonrpc":"2.0","x":1}"#] {
        let id = if empty.contains("id") { "1" } else { "-" };
        refuse(empty, &format!("-32600 {id} Members"));
    }
    refuse(r#"{"id":1,"result":1,"error":{}}"#, "response -32600 1 Members");
    refuse(r#"{"id":1,"method":"m","result":1}"#, "-32600 1 Members");
    refuse(r#"{"id":1,"params":{},"result":1}"#, "response -32600 1 Members");
    refuse(r#"{"result":1}"#, "response -32600 - Members");
    refuse(r#"{"error":{}}"#, "response -32600 - Members");
    refuse(r#"{"id":null,"result":1}"#, "response -32600 - BadId");
    refuse(r#"{"id":null,"method":"m"}"#, "-32600 - BadId");
    refuse(r#"{"method":7,"id":1}"#, "-32600 1 BadMethod");
    refuse(r#"{"params":"x","method":"m","id":1}"#, "-32600 1 BadParams");
    refuse(r#"{"id":1,"error":"x"}"#, "response -32600 1 BadError");
    refuse(r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#, "-32600 1 BadVersion");
    refuse(r#"{"jsonrpc":2.0,"id":1,"method":"m"}"#, "-32600 1 BadVersion");
    for name in ["jsonrpc", "method", "params", "result", "error"] {
        let value = if name == "error" || name == "params" { "{}" } else { "\"2.0\"" };
        let error = scan(&format!(r#"{{"{name}":{value},"id":1,"{name}":{value}}}"#)).unwrap_err();
        assert_eq!((error.problem(), error.id()), (EnvelopeProblem::Duplicate(name), Some(&1.into())));
    }
    refuse(r#"{"method":7,"id":1,"id":2}"#, "-32600 - Duplicate(\"id\")");
    refuse(r#"{"method":"m","params":{"threadId":"a","threadId":"a"}}"#, "-32600 - Duplicate(\"threadId\")");
    refuse(r#"{"method":"m","params":{"thread":{"id":"a","id":1}}}"#, "-32600 - Duplicate(\"thread.id\")");
    refuse(r#"{"method":"m","params":{"thread":1,"thread":1}}"#, "-32600 - Duplicate(\"thread\")");
}

#[test]
fn batches_and_other_values_are_refused() {
    refuse(r#"[{"id":1,"method":"m"}]"#, "-32600 - Batch");
    refuse("[]", "-32600 - Batch");
    for value in ["1", "\"x\"", "null", "true", "-0.5e-7"] {
        refuse(value, "-32600 - NotAnObject");
    }
}

#[test]
fn what_is_not_json_is_a_parse_error() {
    for (frame, problem) in [
        ("", "Truncated"),
        ("{", "Truncated"),
        (r#"{"id""#, "Truncated"),
        (r#"{"id":"#, "Truncated"),
        (r#"{"method":"m"#, "Truncated"),
        (r#"{"method":"m","params":{"a":[{}]"#, "Truncated"),
        (r#"{"method":"m\"}"#, "Truncated"),
        (r#"{"method":"m"}}"#, "Syntax(14)"),
        (r#"{"method":"m"} {}"#, "Syntax(15)"),
        (r#"{"method":"m","params":[}]}"#, "Syntax(24)"),
        (r#"{"method":"m","params":{"a":{]}}"#, "Syntax(29)"),
        (r#"{"method":"m" "x":1}"#, "Syntax(14)"),
        (r#"{"method":"m":1}"#, "Syntax(13)"),
        (r#"{"method":m}"#, "Syntax(10)"),
        (r#"{"method":}"#, "Syntax(10)"),
        (r#"{"id":01,"method":"m"}"#, "Syntax(7)"),
        (r#"{"id":1.,"method":"m"}"#, "Syntax(6)"),
        (r#"{"params":nul,"method":"m"}"#, "Syntax(10)"),
        (r#"{"params":+1,"id":1}"#, "Syntax(10)"),
        (r#"{"x":y,"method":"m"}"#, "Syntax(5)"),
        ("oops", "Syntax(0)"),
        ("[1", "Truncated"),
        ("{\"method\":\"m\u{1}\"}", "ControlCharacter"),
        ("{\"method\":\"m\",\"params\":{\"a\":[\"\t\"]}}", "ControlCharacter"),
    ] {
        refuse(frame, &format!("-32700 - {problem}"));
    }
    // What was read before the fault is reported.
    refuse(r#"{"id":5,"result":{"text":"abc"#, "response -32700 5 Truncated");
    refuse(b"{\"id\":5,\"result\":\"\xff\"}", "response -32700 5 NotUtf8");
    refuse(b"{\"id\":5,\"result\":1}\xff", "response -32700 5 NotUtf8");
}

#[test]
fn the_inside_of_other_values_is_left_to_the_typed_parse() {
    check(r#"{"method":"m","params":[1 2,,tru]}"#, "Notification - m - [1 2,,tru]");
    check(r#"{"method":"m","params":{"x":"\q",}}"#, r#"Notification - m - {"x":"\q",}"#);
    check(r#"{"method":"m","x":01,,"z":}"#, "Notification - m - -");
}

#[test]
fn nesting_has_no_limit() {
    for depth in [1, 63, 64, 65, 127, 128, 129, 1_000_000] {
        // Bracket kinds follow no short period, so that a lost bit would show.
        let curly = |level: usize| (level * level / 3).is_multiple_of(2);
        let open: String = (0..depth).map(|level| if curly(level) { "{\"a\":" } else { "[" }).collect();
        let close: String = (0..depth).rev().map(|level| if curly(level) { '}' } else { ']' }).collect();
        let frame = format!(r#"{{"method":"m","params":[{open}1{close}]}}"#);
        assert_eq!(scan(&frame).unwrap().params().unwrap().len(), open.len() + close.len() + 3);
        let wrong = format!(r#"{{"method":"m","params":[{open}1{}]}}"#, close.replacen('}', "]", 1));
        assert_eq!(scan(&wrong).is_err(), close.contains('}'), "{depth}");
    }
}

#[test]
fn messages_have_parts_of_the_same_buffer() {
    let frame = Bytes::from_static(br#"{"id":1,"method":"m","params":{"a":[1]}}"#);
    let message = Message::parse(frame.clone()).unwrap();
    let Message::Request { id, method, params: Some(params) } = message else { panic!("{message:?}") };
    assert_eq!((id, &*method, &params[..]), (1.into(), "m", br#"{"a":[1]}"#.as_slice()));
    assert_eq!(params.as_ptr(), frame[30..].as_ptr());
    let parse = |frame: &str| Message::parse(Bytes::copy_from_slice(frame.as_bytes()));
    assert_eq!(
        parse(r#"{"method":"m","params":null}"#).unwrap(),
        Message::Notification { method: "m".into(), params: None }
    );
    assert_eq!(
        parse(r#"{"id":"a","result":null}"#).unwrap(),
        Message::Response { id: Some("a".into()), result: Ok(Bytes::from_static(b"null")) }
    );
    assert_eq!(
        parse(r#"{"id":null,"error":{"code":-32700,"message":"no","data":[1],"more":2}}"#).unwrap(),
        Message::Response {
            id: None,
            result: Err(RpcError::new(RpcError::PARSE_ERROR, "no").with_data(json!([1])))
        }
    );
    let error = parse(r#"{"id":4,"error":{"code":"x","message":"no"}}"#).unwrap_err();
    assert_eq!(
        (error.problem(), error.id(), error.is_response()),
        (EnvelopeProblem::BadError, Some(&4.into()), true)
    );
}

#[test]
fn messages_are_written_in_both_dialects() {
    let check = |written: Result<Bytes, serde_json::Error>, expected: &str| {
        assert_eq!(String::from_utf8(written.unwrap().into()).unwrap(), expected);
    };
    use Dialect::{Codex, JsonRpc2};
    check(
        encode_request(Codex, &1.into(), "m", Some(&json!({"a": 1}))),
        r#"{"id":1,"method":"m","params":{"a":1}}"#,
    );
    check(encode_request(Codex, &"x".into(), "m\"", None::<&()>), r#"{"id":"x","method":"m\""}"#);
    check(encode_notification(Codex, "m", None::<&()>), r#"{"method":"m"}"#);
    check(encode_notification(JsonRpc2, "m", Some(&[1])), r#"{"jsonrpc":"2.0","method":"m","params":[1]}"#);
    check(encode_result(JsonRpc2, &1.into(), &()), r#"{"jsonrpc":"2.0","id":1,"result":null}"#);
    let error = RpcError::new(RpcError::SERVER_BUSY, "busy");
    check(encode_error(Codex, None, &error), r#"{"id":null,"error":{"code":-32001,"message":"busy"}}"#);
    check(
        encode_error(Codex, Some(&2.into()), &error.with_data(json!({"bound": 1}))),
        r#"{"id":2,"error":{"code":-32001,"message":"busy","data":{"bound":1}}}"#,
    );
    // A raw value brings its own line breaks, which a frame cannot hold.
    let raw: Box<RawValue> = serde_json::from_str("{\r\n\"a\":\n\"\\n\"}").unwrap();
    check(encode_notification(Codex, "m", Some(&*raw)), r#"{"method":"m","params":{  "a": "\n"}}"#);
}

#[test]
fn a_dialect_can_be_required() {
    let plain = r#"{"method":"m"}"#;
    let versioned = r#"{"method":"m","jsonrpc":"2.0"}"#;
    let conforms = |frame, dialect| scan(frame).unwrap().conforms_to(dialect);
    assert!(conforms(plain, Dialect::Codex) && !conforms(plain, Dialect::JsonRpc2));
    assert!(conforms(versioned, Dialect::Codex) && conforms(versioned, Dialect::JsonRpc2));
}

//! Protocol types: what is read is what the JSON says, what is written is read again, and what is new harms nothing.

use std::fmt::Debug;

use codex_rpc::protocol::{
    account::*, config::*, initialize::*, item::*, model::*, notification::*, review::*, server_request::*,
    thread::*, turn::*, *,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A method, a newline, and the JSON of its params (or of the result of the request that has this method).
///
/// # Panics
/// When a type and the JSON disagree, a round trip changes something, or an unknown member changes what is read.
pub fn protocol(data: &[u8]) {
    let Some(at) = data.iter().position(|byte| *byte == b'\n') else { return };
    let (Ok(method), params) = (std::str::from_utf8(&data[..at]), &data[at + 1..]) else { return };
    let read = notification(method, params);
    let asked = request(method, params);
    sent(method, params);
    answered(method, params);
    let Some(value) = std::str::from_utf8(params).ok().and_then(crate::json::unambiguous) else { return };
    // Written another way, and with a member that nobody knows, it is the same.
    let fractions = crate::json::has_fraction(&value);
    let rewritten = value.to_string();
    let mut newer = value.clone();
    if let Some(object) = newer.as_object_mut() {
        object.insert("aMemberOfTomorrow".to_owned(), json!({"threadId": [1], "type": null}));
    }
    let newer = newer.to_string();
    if !fractions && ServerNotification::METHODS.contains(&method) {
        assert_eq!(notification(method, rewritten.as_bytes()), read);
        assert_eq!(notification(method, newer.as_bytes()), read);
    }
    if !fractions && ServerRequest::METHODS.contains(&method) {
        assert_eq!(request(method, rewritten.as_bytes()), asked);
        // What is asked of the user may be shown to the user, unknown members and all.
        assert_eq!(request(method, newer.as_bytes()).is_some(), asked.is_some());
    }
    turn(method, &value);
    known(method, &value);
}

/// Reads a notification and compares its thread; gives how it looks, `None` when it cannot be used.
fn notification(method: &str, params: &[u8]) -> Option<String> {
    let read = ServerNotification::parse(method, Some(params)).ok()?;
    assert_eq!(read.method(), method);
    let typed = ServerNotification::METHODS.contains(&method);
    assert_eq!(matches!(read, ServerNotification::Other { .. }), !typed);
    let value = std::str::from_utf8(params).ok().and_then(crate::json::unambiguous);
    if let Some(value) = &value {
        let thread = read.thread_id().map(ThreadId::as_str);
        let named = value["threadId"]
            .as_str()
            .or(value["thread"]["id"].as_str().filter(|_| method == "thread/started"));
        assert!(thread.is_none() || thread == named, "{thread:?} is not {named:?}");
        assert!(
            typed || !value.is_object() || thread == value["threadId"].as_str(),
            "a thread was overlooked"
        );
    }
    Some(looks(&read))
}

/// How a value looks, but for what is carried as it was written.
fn looks(read: &impl Debug) -> String {
    let text = format!("{read:?}");
    text.split("RawValue(").next().unwrap_or_default().to_owned()
}

/// Reads a request of the server.
fn request(method: &str, params: &[u8]) -> Option<String> {
    let read = ServerRequest::parse(method, Some(params)).ok()?;
    assert_eq!(read.method(), method);
    if let (Some(thread), Some(value)) =
        (read.thread_id(), std::str::from_utf8(params).ok().and_then(crate::json::unambiguous))
    {
        assert!(
            [&value["threadId"], &value["conversationId"]]
                .iter()
                .any(|id| id.as_str() == Some(thread.as_str()))
        );
    }
    Some(looks(&read))
}

/// The end of a turn must be seen, whatever else stands in the message: with a thread, a turn's id and a status it is one.
fn turn(method: &str, params: &Value) {
    let of = &params["turn"];
    let (Some(thread), Some(id)) = (params["threadId"].as_str(), of["id"].as_str()) else { return };
    let (Some(status), true) = (of["status"].as_str(), method == "turn/completed") else { return };
    let items = of.get("items").is_none_or(|items| items.is_null() || items.is_array());
    let root = of.get("rootTurnId").is_none_or(|root| root.is_null() || root.is_string());
    let error = of.get("error").is_none_or(Value::is_null);
    if !(items && root && error) {
        return;
    }
    let text = params.to_string();
    match ServerNotification::parse(method, Some(text.as_bytes())) {
        Ok(ServerNotification::TurnCompleted(read)) => {
            assert_eq!((read.thread_id.as_str(), read.turn.id.as_str()), (thread, id));
            assert_eq!(read.turn.status.as_str(), status);
            assert_eq!(read.turn.items.len(), of["items"].as_array().map_or(0, Vec::len));
        }
        other => panic!("the end of a turn was not seen: {other:?}"),
    }
}

/// What decisions and reports rest on is what the JSON says.
fn known(method: &str, params: &Value) {
    use ServerNotification as N;
    let Ok(read) = ServerNotification::parse(method, Some(params.to_string().as_bytes())) else { return };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match read {
        N::Error(read) => {
            assert_eq!(Some(read.turn_id.as_str()), params["turnId"].as_str());
            let message = params["error"]["message"].as_str();
            assert!(message.is_none_or(|message| message == read.error.message), "{message:?}");
            assert_eq!(read.will_retry, params["willRetry"].as_bool().unwrap_or(false));
        }
        N::TurnStarted(read) | N::TurnCompleted(read) => {
            let turn = &params["turn"];
            assert_eq!(Some(read.turn.id.as_str()), turn["id"].as_str());
            assert_eq!(read.turn.root_turn_id.map(|id| id.as_str().to_owned()), text(&turn["rootTurnId"]));
            let message = text(&turn["error"]["message"]);
            assert!(message.is_none() || message == read.turn.error.map(|error| error.message));
            for (item, json) in read.turn.items.iter().zip(turn["items"].as_array().into_iter().flatten()) {
                known_item(item, json);
            }
        }
        N::ItemStarted(read) | N::ItemCompleted(read) => known_item(&read.item, &params["item"]),
        N::AgentMessageDelta(read) => {
            assert_eq!(Some(read.item_id.as_str()), params["itemId"].as_str());
            assert_eq!(read.delta, params["delta"].as_str().unwrap_or_default());
        }
        N::ThreadTokenUsageUpdated(read) if params["tokenUsage"]["total"].is_object() => {
            let total = params["tokenUsage"]["total"]["totalTokens"].as_i64();
            assert_eq!(read.token_usage.total.total_tokens, total.unwrap_or(0));
        }
        N::ThreadStarted(read) => {
            assert_eq!(
                read.thread.parent_thread_id.map(|id| id.as_str().to_owned()),
                text(&params["thread"]["parentThreadId"])
            );
        }
        N::Warning(read) => assert_eq!(read.message, params["message"].as_str().unwrap_or_default()),
        _ => {}
    }
}

fn known_item(item: &ThreadItem, json: &Value) {
    let text = |name: &str| json[name].as_str().unwrap_or_default();
    assert_eq!(item.id().map(ItemId::as_str), json["id"].as_str());
    if !matches!(item, ThreadItem::Other(_)) {
        assert_eq!(item.kind(), text("type"));
    }
    match item {
        ThreadItem::AgentMessage(item) => {
            assert_eq!(item.text, text("text"));
            let aside = matches!(item.phase, Some(MessagePhase::Commentary));
            assert_eq!(aside, text("phase") == "commentary");
        }
        ThreadItem::CommandExecution(item) => {
            assert_eq!((item.command.as_str(), item.exit_code), (text("command"), json["exitCode"].as_i64()));
            assert_eq!(item.status == ItemStatus::Completed, text("status") == "completed");
        }
        ThreadItem::FileChange(item) => {
            let paths =
                json["changes"].as_array().into_iter().flatten().map(|change| change["path"].as_str());
            // Where every change is an object: serde would take a list of two for one as well.
            if let Some(paths) = paths.collect::<Option<Vec<&str>>>() {
                assert_eq!(item.changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>(), paths);
            }
        }
        ThreadItem::EnteredReviewMode(item) | ThreadItem::ExitedReviewMode(item) => {
            assert_eq!(item.review, text("review"));
        }
        ThreadItem::CollabAgentToolCall(item) => {
            let receivers = json["receiverThreadIds"].as_array().map_or(0, Vec::len);
            assert_eq!(item.receiver_thread_ids.len(), receivers);
        }
        ThreadItem::SubAgentActivity(item) => {
            assert_eq!(item.agent_thread_id.as_str(), text("agentThreadId"));
        }
        _ => {}
    }
}

/// What we send comes back as it was, and says what the JSON said.
fn round_trip<T: Serialize + DeserializeOwned + Debug>(json: &[u8]) {
    let Ok(first) = serde_json::from_slice::<T>(json) else { return };
    let written = serde_json::to_string(&first).expect("what was read can be written");
    let second: T = serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    let Some(value) = std::str::from_utf8(json).ok().and_then(crate::json::unambiguous) else { return };
    if !crate::json::has_fraction(&value) {
        assert_eq!(serde_json::to_string(&second).ok().as_ref(), Some(&written), "a second time");
        let ours = serde_json::from_str(&written).expect("it was read as a type");
        agree(&ours, &value);
    }
}

/// Whether texts, truths and numbers of members that both have are equal.
fn agree(ours: &Value, theirs: &Value) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.iter()
                .filter_map(|(name, value)| Some((value, theirs.get(name)?)))
                .for_each(|(a, b)| agree(a, b));
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            assert_eq!(ours.len(), theirs.len());
            ours.iter().zip(theirs).for_each(|(ours, theirs)| agree(ours, theirs));
        }
        (Value::String(_), Value::String(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Number(_), Value::Number(_)) => {
            assert_eq!(ours, theirs);
        }
        _ => {}
    }
}

macro_rules! by_method {
    ($method:expr, $params:expr, $does:ident: $($type:ident)+) => {
        match $method {
            $(method if method == <$type>::METHOD => $does::<$type>($params),)+
            _ => {}
        }
    };
}

/// The params of our own requests.
fn sent(method: &str, params: &[u8]) {
    by_method!(method, params, round_trip:
        InitializeParams ThreadStartParams ThreadResumeParams ThreadForkParams ThreadReadParams ThreadListParams
        ThreadArchiveParams ThreadSetNameParams ThreadCompactStartParams TurnStartParams TurnSteerParams TurnInterruptParams
        ReviewStartParams ModelListParams AccountReadParams ConfigReadParams LoginStartParams
        ExternalAgentConfigDetectParams ExternalAgentConfigImportParams);
}

/// The answers to them: whatever can be read is read the same from another spelling.
fn answered(method: &str, result: &[u8]) {
    fn read<P: ClientRequest>(result: &[u8])
    where
        P::Response: Debug,
    {
        let text = std::str::from_utf8(result).ok();
        let Some(value) =
            text.and_then(crate::json::unambiguous).filter(|value| !crate::json::has_fraction(value))
        else {
            return;
        };
        let look = |json: &[u8]| serde_json::from_slice::<P::Response>(json).ok().map(|read| looks(&read));
        let first = look(result);
        assert_eq!(look(value.to_string().as_bytes()), first);
        if let Value::Object(mut object) = value {
            object.insert("aMemberOfTomorrow".to_owned(), json!([{}]));
            assert_eq!(look(Value::Object(object).to_string().as_bytes()).is_some(), first.is_some());
        }
    }
    by_method!(method, result, read:
        InitializeParams ThreadStartParams ThreadResumeParams ThreadReadParams ThreadListParams TurnStartParams
        TurnSteerParams ReviewStartParams ModelListParams AccountReadParams AccountRateLimitsReadParams ConfigReadParams
        ExternalAgentConfigDetectParams);
}

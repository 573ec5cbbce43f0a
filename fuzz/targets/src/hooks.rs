//! The input of hooks: what is read is what `serde_json` and a split at spaces say.

use std::path::PathBuf;

use codex_gate::TurnPosition;
use codex_gate::host::git::PrePush;
use codex_gate::host::{StopEvent, claude, codex};
use serde_json::{Map, Value};

/// The members that hosts write and that we read.
const TEXTS: [&str; 9] = [
    "hook_event_name",
    "session_id",
    "turn_id",
    "agent_id",
    "cwd",
    "transcript_path",
    "permission_mode",
    "model",
    "last_assistant_message",
];

/// The input of an agent's hook, or of git's `pre-push`: both are read from the same bytes.
///
/// # Panics
/// When a member is read that is not there, or is there and not read.
pub fn hooks(data: &[u8]) {
    let read = claude::read(data);
    assert_eq!(codex::read(data), read, "the hosts have one form of input");
    let plain = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    let value = std::str::from_utf8(plain).ok().and_then(crate::json::unambiguous);
    match value {
        Some(Value::Object(object)) => agents(&object, read.ok()),
        Some(_) => assert!(read.is_err(), "no object"),
        // A string with half a character, a number beyond all bounds: who is lenient here harms nobody.
        None => {}
    }
    push(data);
}

fn agents(object: &Map<String, Value>, read: Option<codex_gate::host::StopInput>) {
    let member = |name: &str| object.get(name).filter(|value| !value.is_null());
    let typed = TEXTS.iter().all(|name| member(name).is_none_or(Value::is_string))
        && member("stop_hook_active").is_none_or(Value::is_boolean);
    let text = |name: &str| Some(member(name)?.as_str()?.to_owned()).filter(|text| !text.is_empty());
    let event = match text("hook_event_name").as_deref() {
        None | Some("Stop") => Some(StopEvent::Stop),
        Some("SubagentStop") => Some(StopEvent::SubagentStop),
        Some(_) => None,
    };
    let (Some(event), true) = (event, typed) else {
        assert!(read.is_none(), "another hook's, or members of other types: {object:?}");
        return;
    };
    let read = read.expect("an object with members of the right types is an input");
    let request = read.request;
    assert_eq!(read.event, event);
    assert_eq!(request.session, text("session_id").unwrap_or_default());
    assert_eq!(request.agent, text("agent_id").filter(|_| event == StopEvent::SubagentStop));
    assert_eq!(request.cwd, text("cwd").map(PathBuf::from));
    assert_eq!(request.last_message, text("last_assistant_message"));
    assert_eq!(read.transcript_path, text("transcript_path").map(PathBuf::from));
    assert_eq!((read.permission_mode, read.model), (text("permission_mode"), text("model")));
    let active = member("stop_hook_active").and_then(Value::as_bool).unwrap_or(false);
    let turn = match text("turn_id") {
        Some(name) => TurnPosition::Named(name),
        None if active => TurnPosition::Continuing,
        None => TurnPosition::First,
    };
    assert_eq!(request.turn, turn);
    assert_eq!(request.tree, None, "the host knows nothing of the tree");
}

/// `pre-push`: lines of four fields, the first of which may have spaces.
fn push(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let fields: Vec<Vec<&str>> = lines.map(|line| line.trim_end().split(' ').collect()).collect();
    let is_id = |id: &str| (40..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_hexdigit());
    let named = |id: &str| id.chars().any(|c| c != '0').then(|| id.to_owned());
    let good = fields.iter().all(|line| matches!(line[..], [_, .., local, _, remote] if line.len() >= 4 && is_id(local) && is_id(remote)));
    let Ok(push) = PrePush::read(data) else {
        assert!(!good, "every line has its four fields");
        return;
    };
    assert!(good, "a line without its four fields");
    assert_eq!(push.refs.len(), fields.len());
    for (pushed, line) in push.refs.iter().zip(&fields) {
        let [name @ .., local, remote_name, remote] = &line[..] else { panic!("checked above") };
        assert_eq!((&pushed.local_ref, &*pushed.remote_ref), (&name.join(" "), *remote_name));
        assert_eq!((&pushed.local_oid, &pushed.remote_oid), (&named(local), &named(remote)));
    }
    // The same commits are the same question, in whatever order they come.
    let mut turned = push.clone();
    turned.refs.reverse();
    assert_eq!(turned.request(), push.request());
    assert_eq!(push.sent().count() == 0, push.request().tree.is_some_and(|tree| tree.fingerprint == "push "));
}

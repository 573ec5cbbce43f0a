//! The JSON objects of the protocol, with the members that Codex 0.169.0 was recorded to send.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::state::Thread;
use super::step::Noise;

/// The time now in milliseconds since the Unix epoch.
pub(super) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn initialized(client: &str, version: &str) -> Value {
    json!({
        "userAgent": format!("{client}/{version} (scripted) unknown ({client}; 0)"),
        "codexHome": "/scripted/codex-home",
        "platformFamily": std::env::consts::FAMILY,
        "platformOs": std::env::consts::OS,
    })
}

pub(super) fn thread(thread: &Thread, version: &str, with_turns: bool) -> Value {
    let path = format!("/scripted/codex-home/sessions/rollout-{}.jsonl", thread.id);
    json!({
        "id": thread.id,
        "environments": [{ "environmentId": "local", "cwd": thread.cwd, "runtimeWorkspaceRoots": [thread.cwd] }],
        "extra": null, "sessionId": thread.id, "forkedFromId": thread.forked_from, "attachedToThreadId": null,
        "parentThreadId": thread.parent, "preview": thread.preview, "ephemeral": thread.ephemeral, "section": null,
        "sectionEnteredAt": null, "projectId": null, "historyMode": "paginated", "modelProvider": "mock",
        "model": thread.model, "reasoningEffort": null, "createdAt": thread.created_at,
        "updatedAt": thread.updated_at, "recencyAt": thread.updated_at, "status": thread.status,
        "path": if thread.ephemeral { Value::Null } else { path.into() },
        "cwd": thread.cwd, "cliVersion": version, "originator": "scripted", "source": "vscode",
        "canAcceptDirectInput": true, "threadSource": null, "agentNickname": null, "agentRole": null,
        "gitInfo": null, "name": thread.name, "daybreakEnabled": null,
        "turns": if with_turns { thread.turns.clone() } else { Vec::new() },
    })
}

/// The result of `thread/start`, `thread/resume` and `thread/fork`.
pub(super) fn opened(shown: &Value, params: &Value) -> Value {
    let sandbox = match params["sandbox"].as_str() {
        Some("workspace-write") => {
            json!({ "type": "workspaceWrite", "writableRoots": [], "networkAccess": false,
            "excludeTmpdirEnvVar": false, "excludeSlashTmp": false })
        }
        Some("danger-full-access") => json!({ "type": "dangerFullAccess" }),
        _ => json!({ "type": "readOnly", "networkAccess": false }),
    };
    let cwd = shown["cwd"].clone();
    json!({
        "model": shown["model"], "modelProvider": "mock", "serviceTier": null, "disabledPluginIds": [],
        "runtimeWorkspaceRoots": [cwd], "cwd": cwd, "instructionSources": [],
        "approvalPolicy": params["approvalPolicy"].as_str().unwrap_or("never"), "approvalsReviewer": "user",
        "sandbox": sandbox, "activePermissionProfile": null, "reasoningEffort": null,
        "multiAgentMode": "explicitRequestOnly", "thread": shown,
    })
}

/// The ids that an event of a turn carries.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    pub(super) thread: String,
    /// The id of the items and of `turn/completed`.
    pub(super) turn: String,
    /// The id of `turn/started`: another one in a review.
    pub(super) shown: String,
    pub(super) root: String,
}

pub(super) struct TurnView<'a> {
    pub(super) id: &'a str,
    pub(super) root: Option<&'a str>,
    pub(super) status: &'a str,
    pub(super) error: Value,
    pub(super) items: Vec<Value>,
    pub(super) view: &'a str,
    pub(super) started_ms: Option<u64>,
    pub(super) completed_ms: Option<u64>,
}

impl<'a> TurnView<'a> {
    pub(super) fn in_progress(id: &'a str, root: Option<&'a str>) -> Self {
        let (error, items) = (Value::Null, Vec::new());
        Self {
            id,
            root,
            status: "inProgress",
            error,
            items,
            view: "notLoaded",
            started_ms: None,
            completed_ms: None,
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let duration = self.completed_ms.zip(self.started_ms).map(|(end, start)| end.saturating_sub(start));
        json!({
            "id": self.id, "rootTurnId": self.root, "items": self.items, "itemsView": self.view,
            "status": self.status, "error": self.error, "startedAt": self.started_ms.map(|ms| ms / 1000),
            "completedAt": self.completed_ms.map(|ms| ms / 1000), "durationMs": duration,
        })
    }
}

pub(super) fn turn_error(message: &str, info: &Value) -> Value {
    json!({ "message": message, "codexErrorInfo": info, "additionalDetails": null, "misalignment": null })
}

pub(super) fn user_message(id: &str, content: &Value) -> Value {
    json!({ "type": "userMessage", "id": id, "clientId": null, "content": content })
}

pub(super) fn text_input(text: &str) -> Value {
    json!([{ "type": "text", "text": text, "text_elements": [] }])
}

pub(super) fn agent_message(id: &str, text: &str, phase: Option<&str>) -> Value {
    json!({ "type": "agentMessage", "moderation": null, "id": id, "text": text, "phase": phase,
        "memoryCitation": null, "delivery": null, "questions": null })
}

pub(super) fn command(id: &str, command: &str, cwd: &str, status: &str) -> Value {
    json!({ "type": "commandExecution", "id": id, "pluginId": null, "scriptPath": null,
        "command": format!("/bin/bash -lc '{command}'"), "cwd": cwd, "processId": null,
        "source": "unifiedExecStartup", "status": status,
        "commandActions": [{ "type": "unknown", "command": command }], "aggregatedOutput": null, "exitCode": null,
        "durationMs": null })
}

pub(super) fn file_change(id: &str, path: &str, diff: &str, status: &str) -> Value {
    json!({ "type": "fileChange", "id": id, "status": status,
        "changes": [{ "path": path, "kind": { "type": "update", "move_path": null }, "diff": diff }] })
}

pub(super) fn mcp_call(id: &str, server: &str, tool: &str, status: &str) -> Value {
    json!({ "type": "mcpToolCall", "id": id, "server": server, "tool": tool, "status": status, "arguments": {},
        "appContext": null, "mcpAppUi": null, "pluginId": null, "readOnlyHint": false, "result": null,
        "error": null, "durationMs": null })
}

pub(super) fn token_usage(total: &[u64; 2], last: &[u64; 2]) -> Value {
    let counts = |[input, output]: &[u64; 2]| {
        json!({ "totalTokens": input + output, "inputTokens": input, "cachedInputTokens": 0,
            "cacheWriteInputTokens": 0, "outputTokens": output, "reasoningOutputTokens": 0 })
    };
    json!({ "total": counts(total), "last": counts(last), "modelContextWindow": 258_400 })
}

pub(super) fn rate_limits() -> Value {
    json!({ "limitId": "codex", "limitName": null, "normalModelSlug": null, "primary": null, "secondary": null,
        "credits": null, "individualLimit": null, "spendControlReached": null, "planType": null,
        "rateLimitReachedType": null })
}

/// The bytes of a line of noise, without its end; the styles have none.
pub(super) fn noise_line(noise: Noise) -> Option<&'static [u8]> {
    Some(match noise {
        Noise::Log => b"2026-01-01T00:00:00.000Z  WARN scripted: a line of a log that went to stdout",
        Noise::Ansi => b"\x1b[2m\x1b[31mERROR\x1b[0m \x1b]0;title\x07scripted escapes",
        Noise::Banner => "Überraschung: die Ausgabe ist übersetzt · 出力".as_bytes(),
        Noise::Blank => b"",
        Noise::InvalidUtf8 => b"\xff\xfe{\"method\":\"\xc3\x28\"}",
        Noise::Scalar => b"42",
        Noise::HalfMessage => b"{\"method\":\"item/agentMessage/delta\",\"params\":{\"threadId\":\"",
        Noise::Bom | Noise::Crlf => return None,
    })
}

/// Replaces the strings `{threadId}` and `{turnId}` anywhere in a value.
pub(super) fn filled(value: &Value, ids: &Ids) -> Value {
    match value {
        Value::String(text) if text == "{threadId}" => ids.thread.as_str().into(),
        Value::String(text) if text == "{turnId}" => ids.turn.as_str().into(),
        Value::Array(items) => items.iter().map(|item| filled(item, ids)).collect(),
        Value::Object(map) => map.iter().map(|(key, item)| (key.clone(), filled(item, ids))).collect(),
        other => other.clone(),
    }
}

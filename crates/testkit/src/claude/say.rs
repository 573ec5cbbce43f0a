//! One answer of a scripted Claude.

use codex_scripted::Gate;
use codex_scripted::model::Reply;
use serde_json::{Value, json};

/// One answer of a scripted Claude: text, tool calls, or an API error.
#[derive(Clone, Debug)]
pub struct Say {
    answer: Answer,
    gate: Option<Gate>,
}

#[derive(Clone, Debug)]
enum Answer {
    Blocks(Vec<Block>),
    Error { status: u16, kind: String, message: String },
}

#[derive(Clone, Debug)]
enum Block {
    Text(String),
    Tool { name: String, input: Value },
}

impl Say {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { answer: Answer::Blocks(vec![Block::Text(text.into())]), gate: None }
    }

    /// A call of a tool: Claude Code runs it and asks again with its result, so a second answer has to follow.
    pub fn tool(name: &str, input: Value) -> Self {
        Self { answer: Answer::Blocks(Vec::new()), gate: None }.and_tool(name, input)
    }

    /// A shell command through the tool `Bash`.
    pub fn bash(command: &str) -> Self {
        Self::tool("Bash", json!({ "command": command, "description": "run a command" }))
    }

    /// An API error. Claude Code tries some statuses again for minutes; 400 fails at once.
    pub fn error(status: u16, kind: &str, message: &str) -> Self {
        let answer = Answer::Error { status, kind: kind.to_owned(), message: message.to_owned() };
        Self { answer, gate: None }
    }

    /// One more call of a tool in the same answer.
    #[must_use]
    pub fn and_tool(mut self, name: &str, input: Value) -> Self {
        if let Answer::Blocks(blocks) = &mut self.answer {
            blocks.push(Block::Tool { name: name.to_owned(), input });
        }
        self
    }

    /// Waits with it until the gate is released.
    #[must_use]
    pub fn hold(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// What is sent for it; `number` is unlike that of any other answer.
    pub(super) fn reply(&self, number: usize, model: &str) -> Reply {
        let reply = match &self.answer {
            Answer::Blocks(blocks) => Reply::http(200, stream(blocks, number, model))
                .header("content-type", "text/event-stream; charset=utf-8"),
            Answer::Error { status, kind, message } => {
                let error = json!({ "type": "error", "error": { "type": kind, "message": message } });
                Reply::http(*status, error.to_string())
            }
        };
        match &self.gate {
            Some(gate) => reply.hold(gate),
            None => reply,
        }
    }
}

/// The events of a whole answer, one after the other.
fn stream(blocks: &[Block], number: usize, model: &str) -> String {
    let usage = json!({ "input_tokens": 10, "output_tokens": 5 });
    let message = json!({ "id": format!("msg_{number}"), "type": "message", "role": "assistant", "model": model,
        "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage });
    let mut text = event(&json!({ "type": "message_start", "message": message }));
    let mut stop = "end_turn";
    for (index, block) in blocks.iter().enumerate() {
        let (start, delta) = match block {
            Block::Text(text) => {
                (json!({ "type": "text", "text": "" }), json!({ "type": "text_delta", "text": text }))
            }
            Block::Tool { name, input } => {
                stop = "tool_use";
                let id = format!("toolu_{number}_{index}");
                let delta = json!({ "type": "input_json_delta", "partial_json": input.to_string() });
                (json!({ "type": "tool_use", "id": id, "name": name, "input": {} }), delta)
            }
        };
        text += &event(&json!({ "type": "content_block_start", "index": index, "content_block": start }));
        text += &event(&json!({ "type": "content_block_delta", "index": index, "delta": delta }));
        text += &event(&json!({ "type": "content_block_stop", "index": index }));
    }
    let delta = json!({ "stop_reason": stop, "stop_sequence": null });
    text += &event(&json!({ "type": "message_delta", "delta": delta, "usage": { "output_tokens": 5 } }));
    text + &event(&json!({ "type": "message_stop" }))
}

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default())
}

//! How a scripted reply is written: one plain answer, or a stream of server-sent events.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::http;
use super::reply::{Body, Ending, Part, Reply, Usage};
use crate::cut;

impl Reply {
    /// Sends it; says whether the connection can be used again.
    pub(super) async fn send(&self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<bool> {
        match &self.body {
            Body::Plain { parts, text } => {
                for part in parts {
                    part.wait().await;
                }
                http::write_head(writer, self.status, &self.headers, Some(text.len())).await?;
                writer.write_all(text.as_bytes()).await?;
                Ok(true)
            }
            Body::Stream { parts, ending, usage } => {
                let mut sse = Sse { writer, reply: self, begun: false, id: unique_id("resp") };
                for part in parts {
                    part.send(&mut sse).await?;
                }
                ending.send(&mut sse, usage).await
            }
        }
    }
}

impl Ending {
    async fn send<W: AsyncWrite + Unpin>(&self, sse: &mut Sse<'_, W>, usage: &Usage) -> io::Result<bool> {
        let id = sse.id.clone();
        match self {
            Self::Completed => {
                let response = json!({ "id": id, "usage": usage.to_json() });
                sse.event(&json!({ "type": "response.completed", "response": response })).await?;
            }
            Self::Incomplete { reason } => {
                let response = json!({ "id": id, "incomplete_details": { "reason": reason } });
                sse.event(&json!({ "type": "response.incomplete", "response": response })).await?;
            }
            Self::Failed { code, message } => {
                let response = json!({ "id": id, "error": { "code": code, "message": message } });
                sse.event(&json!({ "type": "response.failed", "response": response })).await?;
            }
            Self::WithoutCompleted => sse.begin().await?,
            Self::Dropped => {
                sse.begin().await?;
                return Ok(false);
            }
            Self::Hanging => {
                sse.begin().await?;
                std::future::pending::<()>().await;
            }
        }
        http::write_end(sse.writer).await?;
        Ok(true)
    }
}

impl Usage {
    fn to_json(self) -> Value {
        json!({
            "input_tokens": self.input,
            "input_tokens_details": { "cached_tokens": self.cached_input },
            "output_tokens": self.output,
            "output_tokens_details": { "reasoning_tokens": self.reasoning },
            "total_tokens": self.input + self.output,
        })
    }
}

impl Part {
    async fn wait(&self) {
        match self {
            Self::Pause(time) => tokio::time::sleep(*time).await,
            Self::Hold(gate) => gate.pass().await,
            _ => {}
        }
    }

    async fn send<W: AsyncWrite + Unpin>(&self, sse: &mut Sse<'_, W>) -> io::Result<()> {
        match self {
            Self::Pause(_) | Self::Hold(_) => self.wait().await,
            Self::Event(event) => sse.event(event).await?,
            Self::Raw(bytes) => sse.bytes(bytes).await?,
            Self::Message { text, phase, pieces, over, whole } => {
                let id = unique_id("msg");
                let message = |content: Value| json!({ "type": "message", "role": "assistant", "id": id, "phase": phase, "content": content });
                sse.item("added", &message(json!([]))).await?;
                for piece in cut(text, *pieces) {
                    let delta = json!({ "type": "response.output_text.delta", "item_id": id, "output_index": 0,
                        "content_index": 0, "delta": piece });
                    sse.event(&delta).await?;
                    if !over.is_zero() {
                        tokio::time::sleep(*over / u32::try_from(*pieces).unwrap_or(u32::MAX)).await;
                    }
                }
                if *whole {
                    sse.item("done", &message(json!([{ "type": "output_text", "text": text }]))).await?;
                }
            }
            Self::Reasoning(summary) => {
                let id = unique_id("rs");
                let reasoning = |parts: Value| json!({ "type": "reasoning", "id": id, "summary": parts });
                sse.item("added", &reasoning(json!([]))).await?;
                let at = json!({ "item_id": id, "output_index": 0, "summary_index": 0 });
                let mut event = at.clone();
                event["type"] = "response.reasoning_summary_part.added".into();
                sse.event(&event).await?;
                let mut event = at;
                event["type"] = "response.reasoning_summary_text.delta".into();
                event["delta"] = summary.as_str().into();
                sse.event(&event).await?;
                sse.item("done", &reasoning(json!([{ "type": "summary_text", "text": summary }]))).await?;
            }
            Self::Call { namespace, name, arguments } => {
                let mut item = json!({ "type": "function_call", "id": unique_id("fc"), "call_id": unique_id("call"),
                    "name": name, "arguments": arguments });
                if let Some(namespace) = namespace {
                    item["namespace"] = namespace.as_str().into();
                }
                sse.item("done", &item).await?;
            }
            Self::CustomCall { name, input } => {
                let item = json!({ "type": "custom_tool_call", "id": unique_id("ctc"), "call_id": unique_id("call"),
                    "name": name, "input": input });
                sse.item("done", &item).await?;
            }
        }
        Ok(())
    }
}

/// The event stream of one reply; its head is written with the first event.
struct Sse<'a, W> {
    writer: &'a mut W,
    reply: &'a Reply,
    begun: bool,
    id: String,
}

impl<W: AsyncWrite + Unpin> Sse<'_, W> {
    async fn begin(&mut self) -> io::Result<()> {
        if !self.begun {
            self.begun = true;
            http::write_head(self.writer, self.reply.status, &self.reply.headers, None).await?;
            let created = json!({ "type": "response.created", "response": { "id": self.id } });
            http::write_chunk(self.writer, &event_bytes(&created)).await?;
        }
        Ok(())
    }

    async fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.begin().await?;
        http::write_chunk(self.writer, bytes).await
    }

    async fn event(&mut self, event: &Value) -> io::Result<()> {
        self.bytes(&event_bytes(event)).await
    }

    async fn item(&mut self, what: &str, item: &Value) -> io::Result<()> {
        let kind = format!("response.output_item.{what}");
        self.event(&json!({ "type": kind, "output_index": 0, "item": item })).await
    }
}

fn event_bytes(event: &Value) -> Vec<u8> {
    let kind = event["type"].as_str().unwrap_or("message");
    format!("event: {kind}\ndata: {event}\n\n").into_bytes()
}

/// An id that no other item of this process has: replies are used many times, items are not.
fn unique_id(prefix: &str) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(1);
    format!("{prefix}_{:032x}", COUNTER.fetch_add(1, Ordering::Relaxed))
}

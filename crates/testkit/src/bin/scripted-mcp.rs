//! An MCP server on stdio with two tools that do nothing: `write`, which Codex asks about, and `look`, which is
//! read-only.
#![allow(clippy::disallowed_methods, reason = "a tool for developers")]

use std::io::{BufRead as _, Write as _};

use serde_json::{Value, json};

fn main() -> std::io::Result<()> {
    for line in std::io::stdin().lock().lines() {
        let Ok(message) = serde_json::from_str::<Value>(&line?) else { continue };
        let Some(id) = message.get("id") else { continue };
        let answer = match message["method"].as_str() {
            Some("initialize") => json!({ "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": { "tools": {} }, "serverInfo": { "name": "scripted-mcp", "version": "0" } }),
            Some("tools/list") => json!({ "tools": [tool("write", false), tool("look", true)] }),
            Some("tools/call") => {
                let text = format!("ran {}", message["params"]["name"].as_str().unwrap_or_default());
                json!({ "content": [{ "type": "text", "text": text }] })
            }
            _ => {
                let error = json!({ "code": -32601, "message": "unknown method" });
                writeln!(std::io::stdout(), "{}", json!({ "jsonrpc": "2.0", "id": id, "error": error }))?;
                continue;
            }
        };
        writeln!(std::io::stdout(), "{}", json!({ "jsonrpc": "2.0", "id": id, "result": answer }))?;
    }
    Ok(())
}

fn tool(name: &str, read_only: bool) -> Value {
    json!({ "name": name, "description": "Does nothing.", "inputSchema": { "type": "object", "properties": {} },
        "annotations": { "readOnlyHint": read_only, "destructiveHint": !read_only } })
}

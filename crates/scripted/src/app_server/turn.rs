//! A turn that runs: its steps and its end.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::review;
use super::shapes::{self, Ids, TurnView, filled, now_ms};
use super::state::{Active, Request, Server, Thread, new_id, until_exists};
use super::step::{Step, Turn};
use crate::cut;

/// The token counts of one scripted model call, input and output.
const TOKENS: [u64; 2] = [100, 20];

/// How the steps of a turn ended.
enum End {
    Completed,
    CompletedTwice,
    Failed {
        message: String,
        info: Value,
    },
    /// An error after which `turn/completed` never comes.
    Fatal {
        message: String,
    },
    Interrupted {
        by: Option<Request>,
    },
}

/// A turn while it runs.
pub(super) struct Run {
    pub(super) server: Arc<Server>,
    pub(super) ids: Ids,
    cwd: String,
    review: bool,
    started: u64,
    /// The newest message, as an item.
    message: Option<Value>,
    pub(super) items: Vec<Value>,
    diff: String,
}

impl Run {
    pub(super) fn new(server: &Arc<Server>, ids: Ids, thread: &Thread, review: bool) -> Self {
        Self {
            server: Arc::clone(server),
            ids,
            cwd: thread.cwd.clone(),
            review,
            started: now_ms(),
            message: None,
            items: Vec::new(),
            diff: String::new(),
        }
    }

    pub(super) async fn until_end(mut self, turn: Turn, cancelled: oneshot::Receiver<Option<Request>>) {
        let end = tokio::select! {
            biased;
            Ok(by) = cancelled => End::Interrupted { by },
            end = self.steps(turn) => end,
        };
        self.finish(end).await;
    }

    async fn steps(&mut self, turn: Turn) -> End {
        for step in turn.0 {
            if let Some(end) = self.step(step).await {
                return end;
            }
        }
        End::Completed
    }

    async fn step(&mut self, step: Step) -> Option<End> {
        let server = Arc::clone(&self.server);
        match step {
            Step::Say { text, phase, pieces, over_ms } => {
                self.say(&text, phase.as_deref(), pieces.max(1), over_ms).await;
            }
            Step::Reason { summary } => self.reason(&summary).await,
            Step::Command { command, output, exit_code } => {
                let mut item = shapes::command(&new_id(), &command, &self.cwd, "inProgress");
                self.item_started(&mut item).await;
                item["status"] = if exit_code == 0 { "completed" } else { "failed" }.into();
                item["aggregatedOutput"] = output.into();
                item["exitCode"] = exit_code.into();
                item["durationMs"] = 0.into();
                self.tool_completed(item).await;
            }
            Step::Edit { path, diff } => {
                let mut item = shapes::file_change(&new_id(), &path, &diff, "inProgress");
                self.item_started(&mut item).await;
                self.edited(item, &diff).await;
            }
            Step::CallMcp { server, tool, ask } => return self.call_mcp(&server, &tool, ask).await,
            Step::ApproveCommand { command } => {
                let id = new_id();
                let item = shapes::command(&id, &command, &self.cwd, "inProgress");
                let params = json!({ "kind": "command", "itemId": id, "environmentId": "local",
                    "reason": "the script asks", "command": item["command"], "cwd": self.cwd,
                    "commandActions": item["commandActions"], "proposedExecpolicyAmendment": [command],
                    "availableDecisions": ["accept", "cancel"] });
                return self.approve(item, "item/commandExecution/requestApproval", params, None).await;
            }
            Step::ApproveEdit { path, diff } => {
                let id = new_id();
                let item = shapes::file_change(&id, &path, &diff, "inProgress");
                let params = json!({ "itemId": id, "reason": null, "grantRoot": null });
                return self.approve(item, "item/fileChange/requestApproval", params, Some(&diff)).await;
            }
            Step::Ask { method, params } => {
                server.ask(&self.ids.thread, &method, &filled(&params, &self.ids)).await;
            }
            Step::SubAgent { prompt, turn } => self.sub_agent(&prompt, turn).await,
            Step::Notify { method, params } => server.notify(&method, &filled(&params, &self.ids)).await,
            Step::Wait { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
            Step::Hold(gate) => gate.pass().await,
            Step::HoldUntilFile(path) => until_exists(path).await,
            // A script that names a path that cannot be written shows by the wait for it.
            Step::Touch(path) => drop(std::fs::write(path, "")),
            Step::Noise(noise) => server.noise(noise).await,
            Step::Flood { count, bytes } => {
                let text = "x".repeat(bytes);
                for _ in 0..count {
                    self.delta("flood", &text).await;
                }
            }
            Step::LongLine { bytes } => self.delta("long", &"x".repeat(bytes)).await,
            Step::Retry { message } => {
                let info = json!({ "responseStreamDisconnected": { "httpStatusCode": null } });
                server.error(&self.ids, &message, &info, true).await;
            }
            Step::Fail { message, info } => return Some(End::Failed { message, info }),
            Step::FatalError { message } => return Some(End::Fatal { message }),
            Step::Stall => std::future::pending::<()>().await,
            Step::CompleteTwice => return Some(End::CompletedTwice),
            Step::Interrupted => return Some(End::Interrupted { by: None }),
            Step::Die(death) => {
                server.die(death);
                std::future::pending::<()>().await;
            }
        }
        None
    }

    async fn item_started(&self, item: &mut Value) {
        self.server.item_started(&self.ids.thread, &self.ids.turn, item).await;
    }

    async fn item_completed(&mut self, mut item: Value) {
        self.server.item_completed(&self.ids.thread, &self.ids.turn, &mut item).await;
        self.items.push(item);
    }

    /// A tool call ends a model call.
    async fn tool_completed(&mut self, item: Value) {
        self.item_completed(item).await;
        self.usage().await;
    }

    async fn delta(&self, item: &str, text: &str) {
        let params =
            json!({ "threadId": self.ids.thread, "turnId": self.ids.turn, "itemId": item, "delta": text });
        self.server.notify("item/agentMessage/delta", &params).await;
    }

    async fn say(&mut self, text: &str, phase: Option<&str>, pieces: usize, over_ms: u64) {
        let id = format!("msg_{}", new_id());
        let mut item = shapes::agent_message(&id, "", phase);
        self.item_started(&mut item).await;
        item["text"] = text.into();
        if self.review {
            // Of the reviewer's own messages only the start is reported.
            self.message = Some(item);
            return;
        }
        for piece in cut(text, pieces) {
            self.delta(&id, piece).await;
            if over_ms > 0 {
                tokio::time::sleep(Duration::from_millis(over_ms / pieces as u64)).await;
            }
        }
        self.item_completed(item).await;
        self.message = self.items.last().cloned();
    }

    async fn reason(&mut self, summary: &str) {
        let id = format!("rs_{}", new_id());
        let mut item = json!({ "type": "reasoning", "id": id, "summary": [], "content": [] });
        self.item_started(&mut item).await;
        let mut params =
            json!({ "threadId": self.ids.thread, "turnId": self.ids.turn, "itemId": id, "summaryIndex": 0 });
        self.server.notify("item/reasoning/summaryPartAdded", &params).await;
        params["delta"] = summary.into();
        self.server.notify("item/reasoning/summaryTextDelta", &params).await;
        item["summary"] = json!([summary]);
        self.item_completed(item).await;
    }

    async fn edited(&mut self, mut item: Value, diff: &str) {
        item["status"] = "completed".into();
        self.item_completed(item).await;
        self.diff.push_str(diff);
        self.diff_updated().await;
        self.usage().await;
    }

    async fn diff_updated(&self) {
        let params = json!({ "threadId": self.ids.thread, "turnId": self.ids.turn, "diff": self.diff });
        self.server.notify("turn/diff/updated", &params).await;
    }

    /// What follows each call of the model.
    async fn usage(&self) {
        if self.review {
            return;
        }
        let total = {
            let mut state = self.server.state();
            let Some(thread) = state.threads.get_mut(&self.ids.thread) else { return };
            thread.usage = [thread.usage[0] + TOKENS[0], thread.usage[1] + TOKENS[1]];
            thread.usage
        };
        let usage = shapes::token_usage(&total, &TOKENS);
        let params = json!({ "threadId": self.ids.thread, "turnId": self.ids.turn, "tokenUsage": usage });
        self.server.notify("thread/tokenUsage/updated", &params).await;
        let limits = json!({ "rateLimits": shapes::rate_limits() });
        self.server.notify("account/rateLimits/updated", &limits).await;
        if !self.diff.is_empty() {
            self.diff_updated().await;
        }
    }

    async fn waiting(&self, on_approval: bool) {
        let flags: &[&str] = if on_approval { &["waitingOnApproval"] } else { &[] };
        self.server.status(&self.ids.thread, json!({ "type": "active", "activeFlags": flags })).await;
    }

    /// Asks the client with the ids of this turn filled in, and gives its answer.
    async fn ask(&self, method: &str, mut params: Value) -> Value {
        params["threadId"] = self.ids.thread.as_str().into();
        params["turnId"] = self.ids.turn.as_str().into();
        self.server.ask(&self.ids.thread, method, &params).await
    }

    async fn approve(
        &mut self,
        mut item: Value,
        method: &str,
        mut params: Value,
        diff: Option<&str>,
    ) -> Option<End> {
        self.waiting(true).await;
        self.item_started(&mut item).await;
        params["startedAtMs"] = item["startedAtMs"].clone();
        let answer = self.ask(method, params).await;
        self.waiting(false).await;
        let decision = answer["result"]["decision"].as_str().unwrap_or_default().to_owned();
        let accepted = decision.starts_with("accept") || answer["result"]["decision"].is_object();
        if let Some(diff) = diff.filter(|_| accepted) {
            self.edited(item, diff).await;
            return None;
        }
        item["status"] = match decision.as_str() {
            _ if accepted => "completed",
            "decline" | "cancel" => "declined",
            _ => "failed",
        }
        .into();
        if accepted && item["type"] == "commandExecution" {
            item["aggregatedOutput"] = "".into();
            item["exitCode"] = 0.into();
        }
        if decision == "cancel" {
            self.item_completed(item).await;
            return Some(End::Interrupted { by: None });
        }
        self.tool_completed(item).await;
        None
    }

    async fn call_mcp(&mut self, name: &str, tool: &str, ask: bool) -> Option<End> {
        let mut item = shapes::mcp_call(&new_id(), name, tool, "inProgress");
        self.item_started(&mut item).await;
        let mut allowed = true;
        if ask {
            self.waiting(true).await;
            let meta = json!({ "codex_approval_kind": "mcp_tool_call", "persist": ["session", "always"],
                "tool_name": tool, "tool_description": "",
                "tool_annotations": { "readOnlyHint": false, "destructiveHint": true }, "tool_params": {}, "tool_params_display": [] });
            let params = json!({ "serverName": name, "mode": "form", "_meta": meta,
                "message": format!("Allow the {name} MCP server to run tool \"{tool}\"?"),
                "requestedSchema": { "type": "object", "properties": {} } });
            let answer = self.ask("mcpServer/elicitation/request", params).await;
            self.waiting(false).await;
            allowed = answer["result"]["action"] == "accept";
        }
        if allowed {
            item["status"] = "completed".into();
            let content = json!([{ "type": "text", "text": "scripted" }]);
            item["result"] = json!({ "content": content, "structuredContent": null, "_meta": null });
        } else {
            item["status"] = "failed".into();
            item["error"] = json!({ "message": "user rejected MCP tool call" });
        }
        item["durationMs"] = 0.into();
        self.tool_completed(item).await;
        None
    }

    /// A thread of its own that is started, runs its turn, and is waited for.
    async fn sub_agent(&mut self, prompt: &str, turn: Turn) {
        let server = Arc::clone(&self.server);
        let mut child = Thread::new(new_id(), self.cwd.clone());
        child.ephemeral = true;
        child.parent = Some(self.ids.thread.clone());
        prompt.clone_into(&mut child.preview);
        let agent = child.id.clone();
        let call = |tool: &str, receivers: Value, states: Value| {
            json!({ "type": "collabAgentToolCall", "id": new_id(), "tool": tool, "status": "inProgress",
                "senderThreadId": self.ids.thread, "receiverThreadIds": receivers, "agentsStates": states,
                "prompt": if tool == "wait" { Value::Null } else { prompt.into() }, "model": null,
                "reasoningEffort": null })
        };
        let states = |status: &str, message: Value| {
            let mut states = json!({});
            states[agent.as_str()] = json!({ "status": status, "message": message });
            states
        };
        let (mut spawn, mut wait) =
            (call("spawnAgent", json!([]), json!({})), call("wait", json!([agent]), json!({})));
        self.item_started(&mut spawn).await;
        spawn["status"] = "completed".into();
        spawn["receiverThreadIds"] = json!([agent]);
        spawn["agentsStates"] = states("pendingInit", Value::Null);
        self.tool_completed(spawn).await;

        let id = new_id();
        let ids = Ids { thread: agent.clone(), turn: id.clone(), shown: id, root: self.ids.root.clone() };
        let mut run = Run::new(&server, ids, &child, false);
        server.state().threads.insert(agent.clone(), child);
        server.status(&agent, json!({ "type": "idle" })).await;
        server.model_warning(&agent).await;
        server.started(&run.ids).await;
        server.user_message(&agent, &run.ids.turn, &shapes::text_input(prompt)).await;
        self.item_started(&mut wait).await;
        let end = Box::pin(run.steps(turn)).await;
        let said = run.message.as_ref().map_or(Value::Null, |message| message["text"].clone());
        let status =
            if matches!(end, End::Completed | End::CompletedTwice) { "completed" } else { "errored" };
        run.finish(end).await;
        wait["status"] = "completed".into();
        wait["agentsStates"] = states(status, said);
        self.tool_completed(wait).await;
    }

    /// Reports how the turn ended.
    async fn finish(mut self, end: End) {
        let server = Arc::clone(&self.server);
        let thread = self.ids.thread.clone();
        let (status, error) = match &end {
            End::Completed | End::CompletedTwice => ("completed", Value::Null),
            End::Failed { message, info } => ("failed", shapes::turn_error(message, info)),
            End::Interrupted { .. } => ("interrupted", Value::Null),
            End::Fatal { message } => {
                server.failed(&self.ids, message, &"other".into()).await;
                self.over(None).inspect(|active| active.done.update(|done| *done = true));
                return;
            }
        };
        if let End::Failed { message, info } = &end {
            server.failed(&self.ids, message, info).await;
        } else if status == "completed" {
            self.usage().await;
        }
        if self.review {
            self.exit_review(status == "completed").await;
        }
        if let End::Interrupted { by: Some(request) } = &end {
            server.answer(request, json!({})).await;
        }
        if status != "failed" {
            server.status(&thread, json!({ "type": "idle" })).await;
        }
        let mut view = TurnView::in_progress(&self.ids.turn, Some(&self.ids.root));
        view.status = status;
        view.error = error;
        view.started_ms = Some(self.started);
        view.completed_ms = Some(now_ms());
        if let Some(message) = self.message.as_ref().filter(|_| status == "completed") {
            view.items.push(message.clone());
            view.view = "summary";
        }
        let completed = json!({ "threadId": thread, "turn": view.to_json() });
        let (items, full) = (std::mem::take(&mut self.items), "full");
        let done = self.over(Some(TurnView { items, view: full, ..view }.to_json()));
        server.notify("turn/completed", &completed).await;
        if matches!(end, End::CompletedTwice) {
            server.notify("turn/completed", &completed).await;
        }
        if let Some(active) = done {
            active.done.update(|done| *done = true);
        }
    }

    async fn exit_review(&mut self, completed: bool) {
        let said = self.message.take().filter(|_| completed);
        let text = said.as_ref().and_then(|message| message["text"].as_str()).map(review::render);
        let shown = text.as_deref().unwrap_or(review::NOTHING);
        let exited = json!({ "type": "exitedReviewMode", "id": new_id(), "review": shown });
        self.server.whole_item(&self.ids.thread, &self.ids.turn, exited).await;
        let text = text.as_deref().unwrap_or(review::NOTHING_MESSAGE);
        let message = shapes::agent_message(&format!("msg_{}", new_id()), text, None);
        let message = self.server.whole_item(&self.ids.thread, &self.ids.turn, message).await;
        self.items.push(message.clone());
        self.message = Some(message);
    }

    /// Frees the thread for the next turn, and keeps this one in its history.
    fn over(&self, turn: Option<Value>) -> Option<Arc<Active>> {
        let mut state = self.server.state();
        let thread = state.threads.get_mut(&self.ids.thread)?;
        thread.turns.extend(turn);
        thread.active.take()
    }
}

//! The requests that start a turn, and what is reported of any turn.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::review;
use super::shapes::{self, Ids, TurnView, now_ms};
use super::state::{Active, Request, Server, Work, new_id};
use super::step::{Step, Turn};
use super::turn::Run;

impl Server {
    pub(super) async fn turn_start(self: &Arc<Self>, request: Request, params: &Value) -> Option<Work> {
        let thread = self.loaded(&request, params).await?;
        if !self.input_fits(&request, params).await {
            return None;
        }
        if let Some(active) = &thread.active {
            // A second turn on a busy thread joins the first.
            let turn = TurnView::in_progress(&active.turn, Some(&active.turn)).to_json();
            self.answer(&request, json!({ "turn": turn })).await;
            self.user_message(&thread.id, &active.turn, &params["input"]).await;
            return None;
        }
        let id = new_id();
        let ids = Ids { thread: thread.id.clone(), turn: id.clone(), shown: id.clone(), root: id.clone() };
        let prompt = params["input"][0]["text"].as_str().unwrap_or_default();
        let cancelled = self.begin(&ids, prompt);
        self.model_warning(&thread.id).await;
        let answer = json!({ "turn": TurnView::in_progress(&id, Some(&id)).to_json() });
        if self.script.answer_before_started {
            self.answer(&request, answer).await;
            self.started(&ids).await;
        } else {
            self.started(&ids).await;
            self.answer(&request, answer).await;
        }
        let mut run = Run::new(self, ids, &thread, false);
        let item = self.user_message(&thread.id, &id, &params["input"]).await;
        run.items.push(item);
        let turn = self.next_turn(prompt, false);
        Some(Box::pin(run.until_end(turn, cancelled)))
    }

    pub(super) async fn review_start(self: &Arc<Self>, request: Request, params: &Value) -> Option<Work> {
        let thread = self.loaded(&request, params).await?;
        if params["delivery"] == "detached" {
            self.refuse(&request, "Invalid request: unknown variant `detached`, expected `inline`").await;
            return None;
        }
        if let Some(active) = &thread.active {
            // A review on a busy thread ends what runs there.
            active.interrupt(None);
            active.done.until(|done| *done).await;
        }
        let (turn, shown) = (new_id(), new_id());
        let ids = Ids { thread: thread.id.clone(), root: turn.clone(), turn, shown };
        let name = review::target_name(&params["target"]);
        let steps = self.next_turn(&name, true);
        let mut view = TurnView::in_progress(&ids.turn, None);
        let mut message = shapes::user_message(&ids.turn, &shapes::text_input(&name));
        message["startedAtMs"] = Value::Null;
        message["completedAtMs"] = Value::Null;
        view.items.push(message);
        self.answer(&request, json!({ "turn": view.to_json(), "reviewThreadId": thread.id })).await;
        self.model_warning(&thread.id).await;
        if let Some(Step::FatalError { message }) = steps.0.first() {
            // As with a base without a merge base: it fails before the turn begins.
            self.failed(&ids, message, &"other".into()).await;
            return None;
        }
        let cancelled = self.begin(&ids, &name);
        let entered = json!({ "type": "enteredReviewMode", "id": new_id(), "review": name });
        self.whole_item(&ids.thread, &ids.turn, entered).await;
        self.model_warning(&thread.id).await;
        self.started(&ids).await;
        let asked = "Review the current code changes and provide prioritized findings.";
        let run = Run::new(self, ids, &thread, true);
        self.user_message(&thread.id, &run.ids.turn, &shapes::text_input(asked)).await;
        Some(Box::pin(run.until_end(steps, cancelled)))
    }

    pub(super) async fn compact_start(self: &Arc<Self>, request: Request, params: &Value) -> Option<Work> {
        let thread = self.loaded(&request, params).await?;
        let id = new_id();
        let ids = Ids { thread: thread.id.clone(), turn: id.clone(), shown: id.clone(), root: id };
        let cancelled = self.begin(&ids, "");
        self.answer(&request, json!({})).await;
        self.started(&ids).await;
        let run = Run::new(self, ids, &thread, false);
        Some(Box::pin(async move {
            let item = json!({ "type": "contextCompaction", "id": new_id() });
            run.server.whole_item(&run.ids.thread, &run.ids.turn, item).await;
            run.until_end(Turn::default(), cancelled).await;
        }))
    }

    /// Makes the turn the active one of its thread.
    fn begin(&self, ids: &Ids, prompt: &str) -> oneshot::Receiver<Option<Request>> {
        let (active, cancelled) = Active::new(&ids.turn, &ids.shown);
        if let Some(thread) = self.state().threads.get_mut(&ids.thread) {
            thread.active = Some(active);
            thread.updated_at = now_ms() / 1000;
            if thread.preview.is_empty() {
                prompt.clone_into(&mut thread.preview);
            }
        }
        cancelled
    }

    pub(super) async fn model_warning(&self, thread: &str) {
        let message = "Model metadata for `mock-model` not found. Defaulting to fallback metadata.";
        self.notify("warning", &json!({ "threadId": thread, "message": message })).await;
    }

    pub(super) async fn started(&self, ids: &Ids) {
        self.status(&ids.thread, json!({ "type": "active", "activeFlags": [] })).await;
        let mut view = TurnView::in_progress(&ids.shown, Some(&ids.root));
        view.started_ms = Some(now_ms());
        self.notify("turn/started", &json!({ "threadId": ids.thread, "turn": view.to_json() })).await;
    }

    pub(super) async fn user_message(&self, thread: &str, turn: &str, content: &Value) -> Value {
        self.whole_item(thread, turn, shapes::user_message(&new_id(), content)).await
    }

    pub(super) async fn item_started(&self, thread: &str, turn: &str, item: &mut Value) {
        let now = now_ms();
        item["startedAtMs"] = now.into();
        item["completedAtMs"] = Value::Null;
        let params = json!({ "item": item, "threadId": thread, "turnId": turn, "startedAtMs": now });
        self.notify("item/started", &params).await;
    }

    pub(super) async fn item_completed(&self, thread: &str, turn: &str, item: &mut Value) {
        let now = now_ms();
        item["completedAtMs"] = now.into();
        let params = json!({ "item": item, "threadId": thread, "turnId": turn, "contentTokenCount": null,
            "completedAtMs": now });
        self.notify("item/completed", &params).await;
    }

    /// An item that is completed as soon as it is started.
    pub(super) async fn whole_item(&self, thread: &str, turn: &str, mut item: Value) -> Value {
        self.item_started(thread, turn, &mut item).await;
        self.item_completed(thread, turn, &mut item).await;
        item
    }

    /// Says that a turn failed, which is not yet its end.
    pub(super) async fn failed(&self, ids: &Ids, message: &str, info: &Value) {
        self.status(&ids.thread, json!({ "type": "systemError" })).await;
        self.error(ids, message, info, false).await;
    }

    pub(super) async fn error(&self, ids: &Ids, message: &str, info: &Value, will_retry: bool) {
        let params = json!({ "error": shapes::turn_error(message, info), "willRetry": will_retry,
            "threadId": ids.thread, "turnId": ids.turn });
        self.notify("error", &params).await;
    }
}

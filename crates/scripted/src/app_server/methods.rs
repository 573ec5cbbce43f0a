//! The methods of the client.

use std::sync::Arc;

use serde_json::{Value, json};

use super::shapes::{self, now_ms};
use super::state::{Request, Server, Thread, Work, new_id};

/// The most characters of input that Codex takes (observed with 0.169.0).
const INPUT_LIMIT: usize = 1_048_576;

impl Server {
    /// Does what a request asks for and answers it. What comes back is a turn that goes on.
    pub(super) async fn dispatch(
        self: &Arc<Self>,
        request: Request,
        method: &str,
        params: &Value,
    ) -> Option<Work> {
        let initialized = self.state().initialized;
        match (method, initialized) {
            ("initialize", true) => return self.refused(&request, "Already initialized").await,
            ("initialize", false) | (_, true) => {}
            _ => return self.refused(&request, "Not initialized").await,
        }
        if takes_thread(method) && !params["threadId"].is_string() {
            return self.refused(&request, "Invalid request: missing field `threadId`").await;
        }
        match method {
            "initialize" => self.initialize(&request, params).await,
            "thread/start" => self.thread_start(&request, params).await,
            "thread/resume" => self.thread_resume(&request, params).await,
            "thread/fork" => self.thread_fork(&request, params).await,
            "thread/read" => self.thread_read(&request, params).await,
            "thread/list" => self.thread_list(&request, params).await,
            "thread/loaded/list" => {
                let loaded: Vec<String> = self
                    .state()
                    .threads
                    .values()
                    .filter(|thread| thread.loaded)
                    .map(|t| t.id.clone())
                    .collect();
                self.answer(&request, json!({ "data": loaded, "nextCursor": null })).await;
            }
            "thread/name/set" => self.thread_name(&request, params).await,
            "thread/archive" | "thread/unarchive" => {
                self.thread_archive(&request, params, method == "thread/archive").await;
            }
            "thread/unsubscribe" => self.thread_unsubscribe(&request, params).await,
            "thread/backgroundTerminals/clean" => {
                if !self.state().experimental {
                    let message = format!("{method} requires experimentalApi capability");
                    return self.refused(&request, &message).await;
                }
                if self.loaded(&request, params).await.is_some() {
                    self.answer(&request, json!({})).await;
                }
            }
            "turn/start" => return self.turn_start(request, params).await,
            "turn/steer" => self.turn_steer(&request, params).await,
            "turn/interrupt" => self.turn_interrupt(request, params).await,
            "review/start" => return self.review_start(request, params).await,
            "thread/compact/start" => return self.compact_start(request, params).await,
            "model/list" => {
                self.answer(&request, json!({ "data": self.script.models, "nextCursor": null })).await;
            }
            "account/read" => {
                let result = json!({ "account": self.script.account, "userId": null,
                    "requiresOpenaiAuth": self.script.requires_openai_auth, "workspaceRouting": null });
                self.answer(&request, result).await;
            }
            "account/rateLimits/read" => {
                if self.script.account.is_null() {
                    let message = "codex account authentication required to read rate limits";
                    return self.refused(&request, message).await;
                }
                let limits = shapes::rate_limits();
                let result = json!({ "rateLimits": limits, "rateLimitsByLimitId": { "codex": limits } });
                self.answer(&request, result).await;
            }
            "config/read" => {
                let config = json!({ "model": "mock-model", "model_provider": "mock", "review_model": null,
                    "approval_policy": "never", "sandbox_mode": "read-only", "model_reasoning_effort": null,
                    "profile": null, "mcp_servers": {}, "model_providers": {} });
                self.answer(&request, json!({ "config": config, "origins": {} })).await;
            }
            "externalAgentConfig/import" => {
                let id = new_id();
                self.answer(&request, json!({ "importId": id })).await;
                let done = json!({ "importId": id, "itemTypeResults": [] });
                self.notify("externalAgentConfig/import/completed", &done).await;
            }
            _ => {
                let message =
                    format!("Invalid request: unknown variant `{method}`, expected one of `initialize`, …");
                self.refuse(&request, &message).await;
            }
        }
        None
    }

    async fn refused(&self, request: &Request, message: &str) -> Option<Work> {
        self.refuse(request, message).await;
        None
    }

    /// The thread that a request names, when it is loaded; else the request is refused.
    pub(super) async fn loaded(&self, request: &Request, params: &Value) -> Option<Thread> {
        let id = params["threadId"].as_str().unwrap_or_default();
        let found = self.state().threads.get(id).filter(|thread| thread.loaded).cloned();
        if found.is_none() {
            self.refuse(request, &format!("thread not found: {id}")).await;
        }
        found
    }

    /// Whether the input of a turn is short enough; else the request is refused.
    pub(super) async fn input_fits(&self, request: &Request, params: &Value) -> bool {
        let input = params["input"].as_array().map(Vec::as_slice).unwrap_or_default();
        let chars: usize =
            input.iter().filter_map(|item| item["text"].as_str()).map(|text| text.chars().count()).sum();
        if chars > INPUT_LIMIT {
            let message = format!("Input exceeds the maximum length of {INPUT_LIMIT} characters.");
            let data = json!({ "input_error_code": "input_too_large", "max_chars": INPUT_LIMIT, "actual_chars": chars });
            self.refuse_with(request, -32602, &message, Some(data)).await;
        }
        chars <= INPUT_LIMIT
    }

    pub(super) async fn status(&self, thread: &str, status: Value) {
        let params = json!({ "threadId": thread, "status": status });
        if let Some(thread) = self.state().threads.get_mut(thread) {
            thread.status = status;
        }
        self.notify("thread/status/changed", &params).await;
    }

    async fn initialize(&self, request: &Request, params: &Value) {
        let client = params["clientInfo"]["name"].as_str().unwrap_or("client").to_owned();
        {
            let mut state = self.state();
            state.initialized = true;
            state.experimental = params["capabilities"]["experimentalApi"] == true;
            state.client.clone_from(&client);
        }
        self.opt_out(&params["capabilities"]["optOutNotificationMethods"]);
        self.answer(request, shapes::initialized(&client, &self.script.version)).await;
        let warning =
            json!({ "summary": "This app-server is scripted: no model is asked.", "details": null });
        self.notify("configWarning", &warning).await;
        let remote = json!({ "status": "disabled", "serverName": "scripted",
            "installationId": "00000000-0000-4000-8000-000000000000", "environmentId": null });
        self.notify("remoteControl/status/changed", &remote).await;
    }

    async fn thread_start(&self, request: &Request, params: &Value) {
        if let Some(unknown) = params["sandbox"].as_str().filter(|name| !SANDBOXES.contains(name)) {
            let message = format!(
                "Invalid request: unknown variant `{unknown}`, expected one of `read-only`, `workspace-write`, \
                 `danger-full-access`"
            );
            return self.refuse(request, &message).await;
        }
        let mut thread = Thread::new(new_id(), params["cwd"].as_str().unwrap_or("/").to_owned());
        thread.ephemeral = params["ephemeral"] == true;
        if let Some(model) = params["model"].as_str() {
            model.clone_into(&mut thread.model);
        }
        let shown = shapes::thread(&thread, &self.script.version, false);
        self.state().threads.insert(thread.id.clone(), thread);
        self.answer(request, shapes::opened(&shown, params)).await;
        self.notify("thread/started", &json!({ "thread": shown })).await;
    }

    async fn thread_resume(&self, request: &Request, params: &Value) {
        let id = params["threadId"].as_str().unwrap_or_default();
        let with_turns = params["excludeTurns"] != true;
        let shown = {
            let mut state = self.state();
            state.threads.get_mut(id).filter(|thread| !thread.ephemeral || thread.loaded).map(|thread| {
                thread.loaded = true;
                thread.subscribed = true;
                if thread.active.is_none() {
                    thread.status = json!({ "type": "idle" });
                }
                shapes::thread(thread, &self.script.version, with_turns)
            })
        };
        let Some(shown) = shown else {
            return self.refuse(request, &format!("no rollout found for thread id {id}")).await;
        };
        let status = shown["status"].clone();
        self.notify("thread/status/changed", &json!({ "threadId": id, "status": status })).await;
        self.answer(request, shapes::opened(&shown, params)).await;
        self.notify("thread/goal/cleared", &json!({ "threadId": id })).await;
    }

    async fn thread_fork(&self, request: &Request, params: &Value) {
        let Some(mut thread) = self.loaded(request, params).await else { return };
        thread.forked_from = Some(std::mem::replace(&mut thread.id, new_id()));
        thread.active = None;
        thread.status = json!({ "type": "idle" });
        let shown = shapes::thread(&thread, &self.script.version, true);
        let started = shapes::thread(&thread, &self.script.version, false);
        self.state().threads.insert(thread.id.clone(), thread);
        self.answer(request, shapes::opened(&shown, params)).await;
        self.notify("thread/started", &json!({ "thread": started })).await;
    }

    async fn thread_read(&self, request: &Request, params: &Value) {
        let id = params["threadId"].as_str().unwrap_or_default();
        let with_turns = params["includeTurns"] == true;
        let shown = self
            .state()
            .threads
            .get(id)
            .map(|thread| shapes::thread(thread, &self.script.version, with_turns));
        match shown {
            Some(shown) => self.answer(request, json!({ "thread": shown })).await,
            None => self.refuse(request, &format!("thread not found: {id}")).await,
        }
    }

    async fn thread_list(&self, request: &Request, params: &Value) {
        let text = |name: &str| params[name].as_str().map(str::to_owned);
        let (cwd, term) = (text("cwd"), text("searchTerm"));
        // Threads of app-server clients count as `vscode`, and no list of kinds means the interactive ones.
        let kinds = params["sourceKinds"].as_array().map(Vec::as_slice).unwrap_or_default();
        let visible = kinds.is_empty() || kinds.iter().any(|kind| kind == "vscode");
        let limit = params["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(25);
        let mut data: Vec<Value> = self
            .state()
            .threads
            .values()
            .filter(|thread| visible && !thread.ephemeral && thread.parent.is_none())
            .filter(|thread| thread.archived == (params["archived"] == true))
            .filter(|thread| cwd.as_ref().is_none_or(|cwd| *cwd == thread.cwd))
            .filter(|thread| {
                let name = thread.name.as_deref().unwrap_or_default();
                term.as_ref().is_none_or(|term| name.contains(term) || thread.preview.contains(term))
            })
            .map(|thread| shapes::thread(thread, &self.script.version, false))
            .collect();
        data.sort_by_key(|thread| {
            std::cmp::Reverse((thread["updatedAt"].as_u64(), thread["id"].to_string()))
        });
        data.truncate(limit);
        let result = json!({ "data": data, "readStates": {}, "nextCursor": null, "backwardsCursor": null });
        self.answer(request, result).await;
    }

    async fn thread_name(&self, request: &Request, params: &Value) {
        let Some(thread) = self.loaded(request, params).await else { return };
        let name = params["name"].as_str().map(str::to_owned);
        if let Some(thread) = self.state().threads.get_mut(&thread.id) {
            thread.name.clone_from(&name);
            thread.updated_at = now_ms() / 1000;
        }
        self.answer(request, json!({})).await;
        self.notify("thread/name/updated", &json!({ "threadId": thread.id, "threadName": name })).await;
    }

    async fn thread_archive(&self, request: &Request, params: &Value, archive: bool) {
        let id = params["threadId"].as_str().unwrap_or_default();
        let shown = {
            let mut state = self.state();
            state.threads.get_mut(id).map(|thread| {
                thread.archived = archive;
                thread.loaded &= !archive;
                thread.status = json!({ "type": "notLoaded" });
                shapes::thread(thread, &self.script.version, false)
            })
        };
        let Some(shown) = shown else {
            return self.refuse(request, &format!("no rollout found for thread id {id}")).await;
        };
        if archive {
            let status = json!({ "threadId": id, "status": { "type": "notLoaded" } });
            self.notify("thread/status/changed", &status).await;
            self.answer(request, json!({})).await;
            self.notify("thread/archived", &json!({ "threadId": id })).await;
        } else {
            self.answer(request, json!({ "thread": shown })).await;
            self.notify("thread/unarchived", &json!({ "threadId": id })).await;
        }
    }

    async fn thread_unsubscribe(&self, request: &Request, params: &Value) {
        let id = params["threadId"].as_str().unwrap_or_default();
        let subscribed = match self.state().threads.get_mut(id) {
            Some(thread) if thread.loaded => Some(std::mem::take(&mut thread.subscribed)),
            _ => None,
        };
        let status = match subscribed {
            Some(true) => "unsubscribed",
            Some(false) => "notSubscribed",
            None => "notLoaded",
        };
        self.answer(request, json!({ "status": status })).await;
    }

    async fn turn_steer(&self, request: &Request, params: &Value) {
        let Some(thread) = self.loaded(request, params).await else { return };
        let expected = params["expectedTurnId"].as_str().unwrap_or_default();
        match thread.active {
            None => self.refuse(request, "no active turn to steer").await,
            Some(active) if active.shown != expected => {
                let message = format!("expected active turn id `{expected}` but found `{}`", active.shown);
                self.refuse(request, &message).await;
            }
            Some(active) => {
                if self.input_fits(request, params).await {
                    self.user_message(&thread.id, &active.turn, &params["input"]).await;
                    self.answer(request, json!({ "turnId": active.turn })).await;
                }
            }
        }
    }

    async fn turn_interrupt(&self, request: Request, params: &Value) {
        let Some(thread) = self.loaded(&request, params).await else { return };
        let given = params["turnId"].as_str().unwrap_or_default();
        let Some(active) = thread.active else {
            return self.refuse(&request, "no active turn to interrupt").await;
        };
        if active.shown != given {
            let message = format!("expected active turn id {given} but found {}", active.shown);
            return self.refuse(&request, &message).await;
        }
        if !active.interrupt(Some(request.clone())) {
            self.refuse(&request, "no active turn to interrupt").await;
        }
    }
}

const SANDBOXES: [&str; 3] = ["read-only", "workspace-write", "danger-full-access"];

fn takes_thread(method: &str) -> bool {
    const OTHERS: [&str; 3] = ["thread/start", "thread/list", "thread/loaded/list"];
    let prefixed = ["thread/", "turn/", "review/"].iter().any(|prefix| method.starts_with(prefix));
    prefixed && !OTHERS.contains(&method)
}

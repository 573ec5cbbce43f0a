//! A scripted Messages endpoint, and what it was asked.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use codex_scripted::model::{ModelEndpoint, ModelRequest, Reply, Scenario};
use serde_json::Value;

use super::Say;

/// What is said when the script has nothing more to say.
const DONE: &str = "Done.";

/// A scripted Messages endpoint on loopback.
///
/// What the model is asked with tools is answered with what [`say`](Messages::say) was given, in turn, and then with
/// "Done."; requests without tools (titles, summaries of what was fetched) are answered by themselves and take nothing
/// from the script. Sub-agents ask with tools as well: tell them apart with [`answering`](Messages::answering).
#[derive(Debug)]
#[must_use = "dropping the endpoint stops it"]
pub struct Messages {
    endpoint: ModelEndpoint,
    script: Arc<Script>,
}

type Answering = Box<dyn Fn(&Asked) -> Say + Send + Sync>;

#[derive(Default)]
struct Script {
    state: Mutex<State>,
    answering: Option<Answering>,
}

#[derive(Default)]
struct State {
    replies: VecDeque<Say>,
    count: usize,
}

/// What the model was asked once: the body of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked(pub Value);

impl Messages {
    /// An endpoint with an empty script.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start() -> Self {
        Self::with(Script::default())
    }

    /// An endpoint that computes each answer from its request. The function must not block.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn answering(answer: impl Fn(&Asked) -> Say + Send + Sync + 'static) -> Self {
        Self::with(Script { state: Mutex::default(), answering: Some(Box::new(answer)) })
    }

    fn with(script: Script) -> Self {
        let script = Arc::new(script);
        let endpoint = ModelEndpoint::start_for_any(Scenario::answer({
            let script = Arc::clone(&script);
            move |request| script.reply(request)
        }));
        Self { endpoint: endpoint.expect("a port of loopback is free"), script }
    }

    /// Adds an answer to the end of the script.
    pub fn say(&self, reply: Say) -> &Self {
        self.script.state().replies.push_back(reply);
        self
    }

    /// What `ANTHROPIC_BASE_URL` has to be.
    pub fn url(&self) -> String {
        format!("http://{}", self.endpoint.address())
    }

    /// What the model was asked with tools, in order.
    pub fn asked(&self) -> Vec<Asked> {
        let requests = self.endpoint.requests().into_iter();
        requests.map(|request| Asked(request.body)).filter(|asked| !asked.tools().is_empty()).collect()
    }

    /// Blocks until the model was asked with tools `count` times, and gives all of it.
    ///
    /// # Panics
    ///
    /// When that takes longer than `limit`.
    #[track_caller]
    pub fn asked_within(&self, count: usize, limit: Duration) -> Vec<Asked> {
        let deadline = Instant::now() + limit;
        loop {
            let seen = self.endpoint.requests().len();
            let asked = self.asked();
            if asked.len() >= count {
                return asked;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            // Other requests are counted as well: whatever comes next is worth a look.
            assert!(
                self.endpoint.requested_within(seen + 1, left),
                "asked {} times, not {count}, in {limit:?}",
                asked.len()
            );
        }
    }
}

impl Script {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply(&self, request: &ModelRequest) -> Reply {
        if !request.path.starts_with("/v1/messages") || request.path.contains("count_tokens") {
            // `HEAD /` asks whether anybody is there.
            return Reply::http(if request.method == "HEAD" { 200 } else { 404 }, "");
        }
        let asked = Asked(request.body.clone());
        let mut state = self.state();
        state.count += 1;
        let say = match (&self.answering, asked.tools().is_empty()) {
            (_, true) => Say::text("A title"),
            (Some(answering), false) => answering(&asked),
            (None, false) => state.replies.pop_front().unwrap_or_else(|| Say::text(DONE)),
        };
        say.reply(state.count, request.model())
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("replies", &self.state().replies).finish_non_exhaustive()
    }
}

impl Asked {
    /// The names of the tools that the model may call.
    pub fn tools(&self) -> Vec<&str> {
        let tools = self.0["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
        tools.iter().filter_map(|tool| tool["name"].as_str()).collect()
    }

    /// The system prompt.
    pub fn system(&self) -> String {
        text(&self.0["system"])
    }

    /// The whole conversation as text: what people and Claude said, what tools gave; a line between any two.
    pub fn conversation(&self) -> String {
        self.messages().iter().map(|message| text(&message["content"])).collect::<Vec<_>>().join("\n")
    }

    /// What the newest message of the user's side says: the prompt with what hooks and commands added to it, or what
    /// tools gave.
    pub fn newest(&self) -> String {
        text(self.newest_content())
    }

    /// What the tools gave that the newest message tells of.
    pub fn tool_results(&self) -> Vec<String> {
        let blocks = self.newest_content().as_array().map(Vec::as_slice).unwrap_or_default();
        let results = blocks.iter().filter(|block| block["type"] == "tool_result");
        results.map(|block| text(&block["content"])).collect()
    }

    /// The characters of all that it costs: the system prompt, the tools and the conversation.
    pub fn size(&self) -> usize {
        ["system", "tools", "messages"].iter().map(|part| self.0[part].to_string().chars().count()).sum()
    }

    fn newest_content(&self) -> &Value {
        // Lists of agents and skills stand behind the prompt, in messages of the role `system`.
        let newest = self.messages().iter().rfind(|message| message["role"] == "user");
        newest.map_or(&Value::Null, |message| &message["content"])
    }

    fn messages(&self) -> &[Value] {
        self.0["messages"].as_array().map(Vec::as_slice).unwrap_or_default()
    }
}

/// The text in some content, whether it is text itself, a list of blocks, or what a tool gave.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().map(text).collect::<Vec<_>>().join("\n"),
        Value::Object(block) => block.get("text").or(block.get("content")).map(text).unwrap_or_default(),
        _ => String::new(),
    }
}

//! The script of a scripted app-server: what it answers, and where it misbehaves.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::fault::Fault;
use super::step::{Noise, Step, Turn};

/// What a scripted app-server does. The default is a healthy, signed-in server whose every turn says `OK.`.
///
/// It can be written as JSON for the program form: member names in camelCase as the methods here, every member
/// optional, for example
/// `{"turns":[[{"command":{"command":"ls"}},{"say":{"text":"Done."}}]],"faults":{"thread/start":[{"do":"stall"}]}}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Script {
    pub(super) version: String,
    pub(super) start: Start,
    pub(super) when: Vec<When>,
    pub(super) turns: Vec<Turn>,
    pub(super) reviews: Vec<Turn>,
    pub(super) faults: BTreeMap<String, Vec<Fault>>,
    pub(super) noise: Vec<Noise>,
    pub(super) account: Value,
    pub(super) requires_openai_auth: bool,
    pub(super) models: Vec<Value>,
    pub(super) known_threads: Vec<KnownThread>,
    pub(super) answer_before_started: bool,
    pub(super) linger: bool,
    pub(super) ignore_sigterm: bool,
    pub(super) record: Option<PathBuf>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct When {
    pub(super) contains: String,
    pub(super) turn: Turn,
}

/// What the program does when it is started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Start {
    /// It serves.
    #[default]
    Serve,
    /// It prints and exits without reading anything.
    Exit {
        /// The exit code.
        code: i32,
        /// What it prints on stdout.
        #[serde(default)]
        stdout: String,
        /// What it prints on stderr.
        #[serde(default)]
        stderr: String,
    },
}

/// A thread that the server knows of before anybody starts one, as it knows those on the disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KnownThread {
    pub(super) id: String,
    #[serde(default)]
    pub(super) cwd: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) preview: String,
}

impl KnownThread {
    /// A thread with this id (a UUID) that was used in `cwd`.
    pub fn new(id: impl Into<String>, cwd: impl Into<String>) -> Self {
        Self { id: id.into(), cwd: cwd.into(), name: None, preview: String::new() }
    }

    /// Its name. Default none.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Its preview, which is its first prompt. Default empty.
    #[must_use]
    pub fn preview(mut self, preview: impl Into<String>) -> Self {
        self.preview = preview.into();
        self
    }
}

impl Script {
    /// A healthy, signed-in server whose every turn says `OK.`.
    pub fn new() -> Self {
        Self::default()
    }

    /// A server whose account is not signed in: `account/read` says so and every turn fails with HTTP 401.
    pub fn not_signed_in() -> Self {
        let message = "unexpected status 401 Unauthorized: Missing bearer or basic authentication in header";
        let info = json!({ "httpConnectionFailed": { "httpStatusCode": 401 } });
        let refused = Turn::from(Step::Fail { message: message.into(), info });
        let mut script = Self::new().turn(refused.clone()).review(refused);
        script.account = Value::Null;
        script
    }

    /// A `codex` that is too old to know `app-server`: it complains as its argument parser does, with exit code 2.
    pub fn too_old() -> Self {
        let stderr = "error: unrecognized subcommand 'app-server'\n\nUsage: codex [OPTIONS] [PROMPT]\n       codex \
                      [OPTIONS] <COMMAND> [ARGS]\n\nFor more information, try '--help'.\n";
        Self::new().start(Start::Exit { code: 2, stdout: String::new(), stderr: stderr.into() })
    }

    /// A program that dies at once with this exit code and this text on stderr.
    pub fn dies(code: i32, stderr: impl Into<String>) -> Self {
        Self::new().start(Start::Exit { code, stdout: String::new(), stderr: stderr.into() })
    }

    /// Adds a turn. They are given to `turn/start` in this order; the last one is given from then on.
    #[must_use]
    pub fn turn(mut self, turn: impl Into<Turn>) -> Self {
        self.turns.push(turn.into());
        self
    }

    /// Gives this turn to every `turn/start` whose text contains `text`, before the turns that are given in order
    /// are asked. For servers that are started anew for each turn.
    #[must_use]
    pub fn when(mut self, text: impl Into<String>, turn: impl Into<Turn>) -> Self {
        self.when.push(When { contains: text.into(), turn: turn.into() });
        self
    }

    /// Adds a review. They are given to `review/start` in this order; the last one is given from then on. What the
    /// reviewer says last becomes the review: text, or JSON as of
    /// [`review_json`](crate::model::review_json), which is shown as Codex shows it.
    #[must_use]
    pub fn review(mut self, turn: impl Into<Turn>) -> Self {
        self.reviews.push(turn.into());
        self
    }

    /// Adds a fault to a method. A method's faults are used up in the order in which they were added.
    #[must_use]
    pub fn fault(mut self, method: &str, fault: Fault) -> Self {
        self.faults.entry(method.to_owned()).or_default().push(fault);
        self
    }

    /// Adds noise: a line of it before every message, or a way of writing all lines.
    #[must_use]
    pub fn noise(mut self, noise: Noise) -> Self {
        self.noise.push(noise);
        self
    }

    /// What happens at the start of the program. Default [`Start::Serve`].
    #[must_use]
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// The version that the user agent names. Default `0.169.0`.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// The `account` of `account/read`. Default a ChatGPT account; `null` means not signed in.
    #[must_use]
    pub fn account(mut self, account: Value) -> Self {
        self.account = account;
        self
    }

    /// Whether the model provider needs an OpenAI account. Default true.
    #[must_use]
    pub fn requires_openai_auth(mut self, requires: bool) -> Self {
        self.requires_openai_auth = requires;
        self
    }

    /// The entries of `model/list`. Default two models; see [`model`].
    #[must_use]
    pub fn models(mut self, models: Vec<Value>) -> Self {
        self.models = models;
        self
    }

    /// Adds a thread that can be resumed, read and listed without having been started.
    #[must_use]
    pub fn known_thread(mut self, thread: KnownThread) -> Self {
        self.known_threads.push(thread);
        self
    }

    /// Whether the answer of `turn/start` comes before `turn/started`. Both happen. Default false.
    #[must_use]
    pub fn answer_before_started(mut self, before: bool) -> Self {
        self.answer_before_started = before;
        self
    }

    /// Whether it goes on, stdout open, when stdin has closed. Default false.
    #[must_use]
    pub fn linger(mut self, linger: bool) -> Self {
        self.linger = linger;
        self
    }

    /// Whether the program ignores SIGTERM. Default false. Means nothing in memory.
    #[must_use]
    pub fn ignore_sigterm(mut self, ignore: bool) -> Self {
        self.ignore_sigterm = ignore;
        self
    }

    /// A file to which every received message is appended as a line `{"pid":…,"received":…}`. Default none.
    #[must_use]
    pub fn record(mut self, path: impl Into<PathBuf>) -> Self {
        self.record = Some(path.into());
        self
    }

    /// The file of [`record`](Script::record).
    pub fn record_path(&self) -> Option<&std::path::Path> {
        self.record.as_deref()
    }

    /// The version that the user agent names.
    pub fn version_name(&self) -> &str {
        &self.version
    }

    /// Reads a script that was written as JSON.
    ///
    /// # Errors
    ///
    /// When it is no JSON, or has a member that a script does not have.
    pub fn from_json(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// Writes the script as JSON.
    ///
    /// # Errors
    ///
    /// When it has a [`Step::Hold`] or a [`Fault::hold`], which exist in memory only.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

impl Default for Script {
    fn default() -> Self {
        Self {
            version: "0.169.0".into(),
            start: Start::Serve,
            when: Vec::new(),
            turns: Vec::new(),
            reviews: Vec::new(),
            faults: BTreeMap::new(),
            noise: Vec::new(),
            account: json!({ "type": "chatgpt", "email": "someone@example.com", "planType": "pro" }),
            requires_openai_auth: true,
            models: vec![
                model("gpt-5.5", &["low", "medium", "high", "xhigh"], true),
                model("gpt-6.1-sol", &["low", "medium", "high", "xhigh", "max", "ultra"], false),
            ],
            known_threads: Vec::new(),
            answer_before_started: false,
            linger: false,
            ignore_sigterm: false,
            record: None,
        }
    }
}

/// An entry of `model/list` with the members that Codex 0.169.0 sends. The first effort is the default one.
pub fn model(id: &str, efforts: &[&str], default: bool) -> Value {
    let efforts: Vec<Value> = efforts
        .iter()
        .map(
            |effort| json!({ "reasoningEffort": effort, "description": format!("Scripted effort {effort}") }),
        )
        .collect();
    json!({
        "id": id, "model": id, "upgrade": null, "upgradeInfo": null, "availabilityNux": null, "displayName": id,
        "description": "A scripted model.", "modelSpecialty": null, "hidden": false,
        "defaultReasoningEffort": efforts.first().map_or(Value::Null, |effort| effort["reasoningEffort"].clone()),
        "supportedReasoningEfforts": efforts, "inputModalities": ["text", "image"], "supportsPersonality": false,
        "multiAgentVersion": null, "additionalSpeedTiers": [], "serviceTiers": [], "defaultServiceTier": null,
        "availableAccessPrograms": null, "isDefault": default,
    })
}

#[cfg(test)]
mod tests {
    use crate::Gate;

    use super::*;

    #[test]
    fn a_script_survives_json() {
        let script = Script::new()
            .turn(Turn::new([
                Step::command("ls", "a\n"),
                Step::say_as("final_answer", "done"),
                Step::Stall,
                Step::HoldUntilFile("/x".into()),
                Step::die(3, "panic"),
            ]))
            .review(Turn::say("fine"))
            .fault("turn/start", Fault::overloaded().times(2))
            .fault("thread/start", Fault::stall())
            .noise(Noise::Ansi)
            .known_thread(KnownThread::new("t", "/w").name("n"));
        let text = script.to_json().unwrap();
        let again = Script::from_json(&text).unwrap();
        assert_eq!(again.to_json().unwrap(), text);
        assert_eq!(again.turns[0].0.len(), 5);
    }

    #[test]
    fn short_scripts_are_enough() {
        let text = r#"{"turns":[[{"say":{"text":"hi"}},"stall"]],"faults":{"initialize":[{"do":"twice","times":1}]},
                       "noise":["bom","crlf"],"start":{"exit":{"code":7}}}"#;
        let script = Script::from_json(text).unwrap();
        assert_eq!(script.start, Start::Exit { code: 7, stdout: String::new(), stderr: String::new() });
        assert_eq!(script.faults["initialize"][0].times, Some(1));
        assert!(Script::from_json(r#"{"trun":[]}"#).is_err(), "a misspelt member must not pass");
    }

    #[test]
    fn what_exists_in_memory_only_is_not_written() {
        let held = Script::new().turn(Step::hold(&Gate::new()));
        assert!(held.to_json().is_err());
    }
}

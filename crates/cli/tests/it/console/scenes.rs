//! What is shown: each scene with its Codex, its files and the lines that are typed.

mod commands;
mod trouble;

use codex_companion::commands::{DEMO_AFTER, DEMO_BEFORE};
use serde_json::{Value, json};

/// A few lines typed in a shop's repository, in which a change to the cart is not committed.
pub(super) struct Scene {
    pub(super) name: &'static str,
    pub(super) picture: bool,
    /// The script of the Codex that is there, if one is.
    pub(super) codex: Option<Value>,
    pub(super) env: Vec<(String, String)>,
    pub(super) steps: Vec<Step>,
}

pub(super) enum Step {
    /// Writes a file, by its path in the scratch place; the repository is `shop`.
    Write(String, String),
    /// Runs a line and shows it with what it prints.
    Line(String),
    /// Runs a line that must succeed, and shows nothing.
    Quietly(String),
    /// Runs a line until it prints these words, and shows nothing.
    Until(String, String),
}

pub(super) fn all() -> Vec<Scene> {
    let mut scenes = commands::all();
    scenes.extend(trouble::all());
    scenes
}

/// The ids that readers see, for lines that name them.
const JOB: &str = "job-1m7vs5a8w-graxqa";

/// What Claude Code's Stop hook is given, at the first try of a turn and at the next one.
const STOP: &str = r#"{"session_id": "7f3d", "hook_event_name": "Stop", "stop_hook_active": false,
 "last_assistant_message": "The discount is in.", "cwd": "{root}/shop"}
"#;
const AGAIN: &str = r#"{"session_id": "7f3d", "hook_event_name": "Stop", "stop_hook_active": true,
 "last_assistant_message": "The discount is in.", "cwd": "{root}/shop"}
"#;

impl Scene {
    /// A folder with nothing in it, and no Codex.
    fn bare(name: &'static str) -> Self {
        Self { name, picture: false, codex: None, env: Vec::new(), steps: Vec::new() }
    }

    /// The shop, all of it committed.
    fn clean(name: &'static str) -> Self {
        Self::bare(name)
            .quietly("git init --quiet --initial-branch=main")
            .write("shop/src/cart.rs", DEMO_BEFORE)
            .quietly("git add --all")
            .quietly("git commit --quiet --message 'Add the cart'")
    }

    /// The shop, with the change to its cart.
    fn new(name: &'static str) -> Self {
        Self::clean(name).write("shop/src/cart.rs", DEMO_AFTER)
    }

    fn picture(mut self) -> Self {
        self.picture = true;
        self
    }

    fn codex(mut self, script: Value) -> Self {
        self.codex = Some(script);
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    fn write(self, path: &str, text: &str) -> Self {
        self.then(Step::Write(path.to_owned(), text.to_owned()))
    }

    fn line(self, line: &str) -> Self {
        self.then(Step::Line(line.to_owned()))
    }

    /// The line, and the exit code that it ends with.
    fn fails(self, line: &str) -> Self {
        self.line(line).line("echo $?")
    }

    fn quietly(self, line: &str) -> Self {
        self.then(Step::Quietly(line.to_owned()))
    }

    fn until(self, line: &str, words: &str) -> Self {
        self.then(Step::Until(line.to_owned(), words.to_owned()))
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

/// A Codex whose every turn has these steps.
fn turn(steps: Value) -> Value {
    json!({ "turns": vec![steps] })
}

/// A Codex whose every turn says this.
fn saying(text: &str) -> Value {
    turn(json!([{ "say": { "text": text } }]))
}

/// A Codex that answers a method in another way than it should.
fn fault(method: &str, what: Value) -> Value {
    json!({ "faults": { method: vec![what] } })
}

/// What Codex's own reviewer says of the cart.
fn reviewer() -> Value {
    let review = json!({
        "findings": [{
            "title": "[P1] The loop reads one element past the end of the items",
            "body": "`0..=items.len()` includes `items.len()` itself, so the last round indexes past the end and panics for \
                every cart, the empty one included. Iterate over the items, or use `0..items.len()`.",
            "confidence_score": 0.9,
            "priority": 1,
            "code_location": {
                "absolute_file_path": "{root}/shop/src/cart.rs", "line_range": { "start": 8, "end": 10 },
            },
        }],
        "overall_correctness": "patch is incorrect",
        "overall_explanation": "The new loop panics on every call, so no total is ever computed.",
        "overall_confidence_score": 0.9,
    });
    json!({ "reviews": [[
        { "command": { "command": "git diff", "output": "" } },
        { "say": { "text": review.to_string() } },
    ]] })
}

//! Slash commands of an agent's plugin: `hook prompt-expansion`, which gets a command's arguments, and `slash`, which the command's
//! file runs.
//!
//! No form of `$ARGUMENTS` in a command file is verbatim, but the hook's input is (observed on Claude Code 2.1.197). So the hook
//! stores the arguments for the session, and `slash` takes them. A command whose output only the user wants is answered by the
//! hook itself: the host shows the answer as it is and asks no model. The other commands run as `slash`, whose output
//! the model reads. There is always an answer, in time, and the exit code is 0: the host shows nothing of a command that
//! fails.

mod answer;
pub(super) mod stored;

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use codex_companion_core::StateDir;
use serde_json::json;

use self::answer::{Shown, fit};
use self::stored::Stored;
use super::{Answer, App};
use codex_base::text::one_line;

/// The longest wait for a slash command, regardless of the settings: hosts end what runs for 120 s.
const MOST: Duration = Duration::from_secs(100);
/// How much longer a command may take that does not check the limit itself.
const BACKSTOP: Duration = Duration::from_secs(8);

/// A slash command.
#[derive(Clone, Copy, Debug)]
struct Slash {
    /// What the user types.
    name: &'static str,
    /// What it runs.
    command: &'static str,
    /// Whether the hook answers it.
    by_hook: bool,
    /// Whether it changes anything.
    changes: bool,
}

const COMMANDS: &[Slash] = &[
    Slash { name: "review", command: "review", by_hook: false, changes: true },
    Slash { name: "adversarial-review", command: "adversarial-review", by_hook: false, changes: true },
    Slash { name: "rescue", command: "task", by_hook: false, changes: true },
    Slash { name: "gate", command: "gate", by_hook: false, changes: true },
    Slash { name: "status", command: "status", by_hook: true, changes: false },
    Slash { name: "result", command: "result", by_hook: true, changes: false },
    Slash { name: "cancel", command: "cancel", by_hook: true, changes: true },
    Slash { name: "attach", command: "attach", by_hook: true, changes: false },
    Slash { name: "setup", command: "setup", by_hook: true, changes: true },
    Slash { name: "transfer", command: "transfer", by_hook: true, changes: true },
];

fn find(name: &str) -> Option<Slash> {
    COMMANDS.iter().find(|slash| slash.name == name).copied()
}

/// The purpose of the stored list of commands whose output only the user has seen.
const SEEN: &str = "seen";

/// Answers `hook prompt-expansion`: `app` is in the host's directory and has its session.
pub(super) fn expansion(app: &App, name: &str, arguments: &str) -> String {
    // A plugin's commands are called `plugin:command`.
    let name = name.rsplit(':').next().unwrap_or(name);
    let Some(slash) = find(name) else { return String::new() };
    let Some(stored) = open(app) else {
        return tell(&format!("{NO_ARGUMENTS} {}", nowhere(app)));
    };
    if let Err(error) = stored.put(slash.name, arguments) {
        return tell(&format!("{NO_ARGUMENTS} They could not be kept: {error}"));
    }
    if !slash.by_hook {
        return String::new();
    }
    let shown = respond(app, slash, arguments);
    // A host that runs the command's file all the same gets the same answer again, unless it would change something twice.
    if slash.changes {
        stored.take(slash.name);
    }
    let line = one_line(&format!("/codex:{} {arguments}", slash.name), 120);
    let before = stored.take(SEEN).unwrap_or_default();
    let _ = stored.put(SEEN, &format!("{before}{line}\n"));
    format!("{}\n", json!({ "decision": "block", "reason": fit(&shown) }))
}

/// The context for the model at the next prompt, about commands whose output only the user has seen.
pub(super) fn seen(app: &App) -> Option<String> {
    let commands = open(app)?.take(SEEN)?;
    let commands: Vec<&str> = commands.lines().rev().take(5).collect();
    Some(format!(
        "The user has run {} and seen the output, which you have not. `codex-companion` with the same words prints it for you.",
        commands.iter().rev().map(|line| format!("`{line}`")).collect::<Vec<_>>().join(", ")
    ))
}

/// Runs `slash`.
pub(super) fn run(app: &App, name: &str) -> Answer {
    let Some(slash) = find(name) else {
        let names: Vec<&str> = COMMANDS.iter().map(|slash| slash.name).collect();
        let name = one_line(name, 40);
        return Answer::done(format!(
            "codex-companion has no slash command \"{name}\"; it has {}.\n",
            names.join(", ")
        ));
    };
    let arguments = open(app).and_then(|stored| stored.take(slash.name));
    let Some(arguments) = arguments else {
        return Answer::done(format!("{NO_ARGUMENTS} {}\n", nowhere(app)));
    };
    Answer::done(fit(&respond(app, slash, &arguments)))
}

const NO_ARGUMENTS: &str =
    "The arguments of this command did not reach codex-companion, so nothing was done.";

/// Why nothing is stored, and what to do.
fn nowhere(app: &App) -> &'static str {
    if app.environment.session_id.is_none() {
        "The host names no session (CLAUDE_CODE_SESSION_ID is not set)."
    } else if app.environment.state_root().is_none() {
        "There is no folder for them: set CODEX_COMPANION_STATE_DIR."
    } else {
        "They come by the plugin's UserPromptExpansion hook: this Claude Code is too old to have it, or hooks are disabled. \
         Update Claude Code or enable its hooks, or run `codex-companion` in a terminal."
    }
}

fn open(app: &App) -> Option<Stored> {
    let state = StateDir::new(app.environment.state_root()?);
    Some(Stored::new(&state, app.environment.session_id.as_deref()?))
}

/// One line for the user, as hooks say it; it stops nothing.
pub(super) fn tell(line: &str) -> String {
    format!("{}\n", json!({ "systemMessage": one_line(line, 400) }))
}

/// Runs a command on a thread of its own, so that neither a fault nor a wait in it delays the answer.
fn respond(app: &App, slash: Slash, arguments: &str) -> Shown {
    let mut app = app.clone();
    // Settings that cannot be read are reported by the command, where they matter.
    let limit = app.settings(None, None).unwrap_or_default().timeouts.slash_wait.min(MOST);
    (app.limit, app.global.quiet) = (Some(limit), true);
    let arguments = arguments.to_owned();
    let (send, answers) = mpsc::channel();
    thread::spawn(move || send.send(answer::carry_out(&app, slash, &arguments)));
    let command = format!("codex-companion {}", slash.command);
    match answers.recv_timeout(limit + BACKSTOP) {
        Ok(shown) => shown,
        Err(RecvTimeoutError::Timeout) => Shown::new(
            format!("/codex:{} is not done yet, and is no longer waited for: it may continue.\n", slash.name),
            "run `codex-companion status` in a terminal".to_owned(),
        ),
        Err(RecvTimeoutError::Disconnected) => Shown::new(
            format!("/codex:{} met a fault in codex-companion.\n", slash.name),
            format!("run `{command}` in a terminal"),
        ),
    }
}

//! `hook session-start` and `hook session-end`.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use codex_base::text::shell_word;
use codex_companion_core::gate::tree;
use codex_job_store::Filter;
use codex_review_target::CancelToken;
use serde_json::json;

use super::hooks::{Input, read};
use super::{is_on, now, store};
use crate::commands::App;
use crate::commands::slash::stored::Stored;
use crate::commands::slash::tell;
use crate::environment::Environment;
use crate::settings::SessionEnd;
use codex_companion_core::notices::{self, Audience};
use codex_companion_core::{Jobs, StateDir, cancel_session};

/// The end of a session is not waited for any longer; hosts allow little more than a second, for all hooks together.
const END: Duration = Duration::from_millis(250);
/// How long another process may hold the gate's state meanwhile.
const LOCKED: Duration = Duration::from_millis(100);

/// Gives the session's shell its name, and the model a line about what still runs.
pub(super) fn start(app: &App, input: &[u8]) -> String {
    let input = Input::read(input);
    let app = input.app(app);
    let mut told = None;
    if let Some(file) = &app.environment.claude_env_file
        && let Err(error) = export(file, &input, &app.environment)
    {
        told = Some(format!("codex-companion: cannot write {}: {error}", file.display()));
    }
    let Ok(jobs) = app.jobs() else { return told.map_or_else(String::new, |told| tell(&told)) };
    if let Some(session) = input.session()
        && matches!(is_on(&app, &jobs), Ok(true))
    {
        let head = tree::head(jobs.root(), &CancelToken::new());
        match store(&jobs).update(|state| ((), state.session_began(session, head, now()))) {
            Ok(updated) => told = told.or(updated.moved_aside.map(|moved| moved.to_string())),
            Err(failure) => told = told.or(Some(failure.to_string())),
        }
    }
    let ended = notices::take(&jobs, input.session(), Audience::Starting);
    // The model is told what runs and what ended, the user what ended and what went wrong.
    let context: Vec<String> = running(&jobs).into_iter().chain(ended.clone()).collect();
    let told: Vec<String> =
        told.map(|told| codex_base::text::one_line(&told, 400)).into_iter().chain(ended).collect();
    let mut document = json!({});
    if !context.is_empty() {
        document["hookSpecificOutput"] =
            json!({ "hookEventName": "SessionStart", "additionalContext": context.join("\n") });
    }
    if !told.is_empty() {
        document["systemMessage"] = told.join("\n").into();
    }
    if context.is_empty() && told.is_empty() { String::new() } else { format!("{document}\n") }
}

/// Appends the exports that are not there yet: the hook runs again when a session is resumed, cleared or compacted.
fn export(file: &Path, input: &Input, environment: &Environment) -> io::Result<()> {
    let options = &environment.variables;
    let gate = options.option("review_gate").filter(|value| *value == "true");
    let variables = [
        ("CODEX_COMPANION_SESSION_ID", input.session()),
        ("CODEX_COMPANION_TRANSCRIPT_PATH", input.transcript()),
        // What hooks are told of the plugin's options, and shells are not.
        ("CLAUDE_PLUGIN_OPTION_MODEL", options.option("model")),
        ("CLAUDE_PLUGIN_OPTION_EFFORT", options.option("effort")),
        ("CLAUDE_PLUGIN_OPTION_REVIEW_GATE", gate),
    ];
    let known = match std::fs::read_to_string(file) {
        Ok(known) => known,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let mut lines = String::new();
    for (variable, value) in variables {
        // An option that was taken back since: an empty variable counts as none.
        let value = value.or_else(|| known.contains(&format!("export {variable}=")).then_some(""));
        if let Some(value) = value.filter(|value| !value.contains('\0')) {
            let line = format!("export {variable}={}\n", shell_word(value));
            // The last one counts, so only the last one may make it superfluous.
            let last = known.rfind(&format!("export {variable}=")).map(|at| &known[at..]);
            if !last.is_some_and(|last| last.starts_with(&line)) {
                lines.push_str(&line);
            }
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    if !known.is_empty() && !known.ends_with('\n') {
        lines.insert(0, '\n');
    }
    OpenOptions::new().append(true).create(true).open(file)?.write_all(lines.as_bytes())
}

/// A line about jobs that run, for the model.
fn running(jobs: &Jobs) -> Option<String> {
    let jobs = jobs.store().snapshot(&Filter::all().active(true)).ok()?.jobs;
    let ids: Vec<&str> = jobs.iter().take(5).map(|job| job.id.as_str()).collect();
    let more = if jobs.len() > ids.len() { ", …" } else { "" };
    let (verb, noun) = if jobs.len() == 1 { ("is", "job") } else { ("are", "jobs") };
    (!ids.is_empty()).then(|| {
        format!(
            "There {verb} {} unfinished Codex {noun} in this workspace ({}{more}); `codex-companion status --all` tells more.",
            jobs.len(),
            ids.join(", ")
        )
    })
}

/// Lets go of what the session had, within [`END`] whatever happens.
pub(super) fn end(app: &App) -> String {
    let app = app.clone();
    let (done, waiting) = mpsc::channel();
    // What is not done in time ends with the process; nothing in it is left half done by that.
    thread::spawn(move || {
        let input = Input::read(&read());
        if let Some(session) = input.session() {
            forget(&input.app(&app), session);
        }
        let _ = done.send(());
    });
    let _ = waiting.recv_timeout(END);
    String::new()
}

fn forget(app: &App, session: &str) {
    if let Some(root) = app.environment.state_root() {
        Stored::new(&StateDir::new(root), session).forget();
    }
    let Ok(jobs) = app.jobs() else { return };
    if app.settings(Some(jobs.root()), None).is_ok_and(|settings| settings.session_end == SessionEnd::Cancel)
    {
        cancel_session(&jobs, session);
    }
    // Marks the jobs whose owner ended with the session now, not when the next command reads them.
    let _ = jobs.store().snapshot(&Filter::all().session(session).active(true));
    let state = store(&jobs).lock_timeout(LOCKED);
    if state.exists() {
        let _ = state.update(|state| ((), state.session_ended(session)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_appended_once_and_whatever_they_hold_stays_a_word() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        let input = |session: &str| {
            Input::read(
                json!({"session_id": session, "transcript_path": "/t/it's $(x)\n`y`"}).to_string().as_bytes(),
            )
        };
        let none = Environment::default();
        std::fs::write(&file, "export A=1").unwrap();
        export(&file, &input("one"), &none).unwrap();
        export(&file, &input("one"), &none).unwrap();
        let transcript = "export CODEX_COMPANION_TRANSCRIPT_PATH='/t/it'\\''s $(x)\n`y`'\n";
        let once = format!("export A=1\nexport CODEX_COMPANION_SESSION_ID='one'\n{transcript}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), once);
        export(&file, &input("two"), &none).unwrap();
        export(&file, &input("one"), &none).unwrap();
        let thrice = format!(
            "{once}export CODEX_COMPANION_SESSION_ID='two'\nexport CODEX_COMPANION_SESSION_ID='one'\n"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), thrice);
    }
}

//! `hook stop` and `hook prompt-submit`, and what all hooks have in common.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use codex_gate::host::{BadInput, Lossy, StopEvent, StopInput, claude};
use codex_gate::{Decision, GateRequest, NotReviewed, Policy, Skip, Why, Wording};
use codex_review_target::Cancel;
use serde::Deserialize;
use serde_json::{Value, json};

use super::state::{StateFile, now};
use super::{Gate, TURN_OFF, is_on, reviewer, session, settings_turn_on, tree, unread, without_state};
use crate::args::HookEvent;
use crate::commands::jobs::Jobs;
use crate::commands::jobs::untold::{self, Audience};
use crate::commands::slash::tell;
use crate::commands::{Answer, App, block_on, slash, work_tree};
use crate::exit::Failure;
use crate::settings::Settings;
use crate::stdio;
use codex_companion_core::{RunObserver, Stop, StopHandle, StopReason};

/// What stands before prompts that the host wrote itself.
const NOTIFICATION: &str = "<task-notification>";

/// How often a hook that works looks whether the host is still there.
const LOOK: Duration = Duration::from_millis(500);

/// Answers a hook.
pub(in crate::commands) fn run(app: &App, event: HookEvent) -> Result<Answer, Failure> {
    let stdout = match event {
        HookEvent::Stop => stop(app, &read()),
        HookEvent::PromptSubmit => prompt_submit(app, &read()),
        HookEvent::SessionStart => session::start(app, &read()),
        HookEvent::SessionEnd => session::end(app),
        HookEvent::PromptExpansion => prompt_expansion(app, &read()),
    };
    Ok(Answer::done(stdout))
}

/// The whole input, however late it comes. What cannot be read is as broken as what cannot be understood.
pub(super) fn read() -> Vec<u8> {
    stdio::read_to_end(io::stdin().lock()).unwrap_or_default()
}

/// What the hooks but `stop` read of their input; members that are not there, or an input that cannot be read, are nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Input {
    session_id: Option<Lossy>,
    transcript_path: Option<Lossy>,
    cwd: Option<Lossy>,
    prompt: Option<Lossy>,
    command_name: Option<Lossy>,
    command_args: Option<Lossy>,
}

impl Input {
    pub(super) fn read(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    pub(super) fn session(&self) -> Option<&str> {
        known(self.session_id.as_ref())
    }

    pub(super) fn transcript(&self) -> Option<&str> {
        known(self.transcript_path.as_ref())
    }

    /// The same command in the host's folder and session.
    pub(super) fn app(&self, app: &App) -> App {
        let mut app = at(app, known(self.cwd.as_ref()).map(Path::new));
        if let Some(session) = self.session() {
            app.environment.session_id = Some(session.to_owned());
        }
        if let Some(transcript) = self.transcript() {
            app.environment.transcript_path = Some(transcript.into());
        }
        app
    }
}

fn known(text: Option<&Lossy>) -> Option<&str> {
    text.map(|text| text.0.as_str()).filter(|text| !text.is_empty())
}

fn at(app: &App, folder: Option<&Path>) -> App {
    let cwd = folder.filter(|folder| folder.is_absolute() && folder.is_dir()).unwrap_or(&app.cwd);
    App {
        worker: app.worker,
        environment: app.environment.clone(),
        cwd: cwd.to_path_buf(),
        global: app.global.clone(),
        limit: app.limit,
    }
}

fn stop(app: &App, input: &[u8]) -> String {
    let read = claude::read(input);
    let app = at(app, read.as_ref().ok().and_then(|read| read.request.cwd.as_deref()));
    let jobs = match Jobs::open(&app) {
        Ok(jobs) => jobs,
        Err(failure) => return stateless(&app, read, &failure),
    };
    let on = is_on(&app, &jobs);
    let (event, request) = match &read {
        Ok(read) => (read.event, read.request.clone()),
        Err(_) => (StopEvent::default(), GateRequest::unreadable()),
    };
    // A turn's end is a chance to tell of what ended in the background.
    let ended = || match event {
        StopEvent::Stop if read.is_ok() => untold::tell(&jobs, Some(&request.session), Audience::Going),
        _ => Vec::new(),
    };
    if matches!(on, Ok(false)) {
        let ended = ended();
        return if ended.is_empty() {
            String::new()
        } else {
            format!("{}\n", json!({ "systemMessage": ended.join("\n") }))
        };
    }
    let mut told: Vec<String> = jobs.store.take_notices().into_iter().map(|notice| notice.message).collect();
    let (decision, more) = caught(&request, || {
        let state = StateFile::new(jobs.store.folder());
        let (settings, broken) = match on.and_then(|_| app.settings(Some(&jobs.root), None)) {
            Ok(settings) => (settings, None),
            Err(failure) => (Settings::default(), Some(reviewer::not_reviewed(&failure))),
        };
        let mut gate = Gate::new(&app, settings, state, &jobs.root, request.clone());
        let decision = match (&read, broken) {
            (Err(bad), _) => gate.fail(bad.clone().into()),
            (_, Some(failure)) => gate.fail(failure),
            (Ok(_), None) => {
                let decided = block_on(async |stop, handle| {
                    Ok(while_read(&handle, decide(&mut gate, (stop, &handle))).await)
                });
                decided.unwrap_or_else(|failure| gate.fail(reviewer::not_reviewed(&failure)))
            }
        };
        gate.log(event.name(), &decision);
        (decision, gate.told)
    });
    told.extend(more);
    document(event, &decision, &told, &ended())
}

/// Does the work as long as the host waits for it: one that was killed could not say that it no longer does.
async fn while_read<T>(handle: &StopHandle, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(LOOK) => {}
        }
        if stdio::reader_is_gone() {
            handle.stop(StopReason::Terminate);
        }
    }
}

/// Where there is no state, `setup` cannot have turned the gate on, but settings can.
fn stateless(app: &App, read: Result<StopInput, BadInput>, failure: &Failure) -> String {
    if !settings_turn_on(app, &work_tree(&app.cwd)) {
        return String::new();
    }
    let (event, request) = read.map_or_else(
        |_| (StopEvent::default(), GateRequest::unreadable()),
        |read| (read.event, read.request),
    );
    let decision = without_state(&request, reviewer::not_reviewed(failure), &Policy::default());
    document(event, &decision, &[], &[])
}

/// What was decided, also when a fault of ours kept it from being decided.
fn caught(
    request: &GateRequest,
    decide: impl FnOnce() -> (Decision, Vec<String>),
) -> (Decision, Vec<String>) {
    catch_unwind(AssertUnwindSafe(decide)).unwrap_or_else(|_| {
        let fault = NotReviewed::new(Why::Failed, "a fault in codex-companion");
        (without_state(request, fault, &Policy::default()), Vec::new())
    })
}

async fn decide(gate: &mut Gate<'_>, (stop, handle): (&mut Stop, &StopHandle)) -> Decision {
    let (session, agent) = (gate.request.session.clone(), gate.request.agent.clone());
    let known = match gate.state.peek() {
        Some(known) => known,
        // It is put aside and told; what it knew of this turn is lost.
        None => match gate.state.update(|state| (state.clone(), state)) {
            Ok((known, told)) => {
                gate.told.extend(told);
                known
            }
            Err(failure) => return gate.fail(reviewer::not_reviewed(&failure)),
        },
    };
    let folder = gate.root.clone();
    let looked = gate.apart(stop, move |cancel| {
        let base = tree::base(&known, &session, agent.as_deref());
        let look = tree::look(&folder, cancel)?;
        let tree = look.tree.clone();
        Ok((tree, look.changes(&base, cancel)?))
    });
    let (tree, changes) = match looked.await {
        Ok(Ok((tree, Some(changes)))) => (tree, changes),
        Ok(Ok((_, None))) => {
            let detail = "the turn began before the first commit, and there are too many since";
            return gate.fail(NotReviewed::new(Why::Failed, detail));
        }
        Ok(Err(error)) => return gate.fail(unread(&error)),
        Err(failure) => return gate.fail(failure),
    };
    if changes.is_empty() {
        return Decision::skipped(Skip::Unchanged);
    }
    gate.request.tree = Some(tree);
    gate.judge(changes, &mut Quiet, (stop, handle)).await
}

/// Hands a slash command's arguments on. Where the command may change files, its turn begins before them.
fn prompt_expansion(app: &App, input: &[u8]) -> String {
    let input = Input::read(input);
    let (name, arguments) = (known(input.command_name.as_ref()), known(input.command_args.as_ref()));
    let Some(name) = name else { return String::new() };
    let app = input.app(app);
    let noted = if changes_files(name) { note_beginning(&app, &input) } else { String::new() };
    let answer = slash::expansion(&app, name, arguments.unwrap_or_default());
    if answer.is_empty() { noted } else { answer }
}

/// Whether a slash command's work is part of the turn that it begins.
fn changes_files(command: &str) -> bool {
    command == "codex:rescue"
}

/// The decision as the host reads it, with what else there is to tell for the user.
fn document(event: StopEvent, decision: &Decision, told: &[String], ended: &[String]) -> String {
    let wording = Wording::for_turns().with_turn_off(TURN_OFF);
    let Some(answer) = claude::answer(event, decision, &wording) else { return String::new() };
    if told.is_empty() && ended.is_empty() {
        return answer + "\n";
    }
    let mut value: Value = serde_json::from_str(&answer).unwrap_or_else(|_| json!({}));
    let mut lines: Vec<&str> = value["systemMessage"].as_str().into_iter().collect();
    lines.extend(told.iter().map(String::as_str));
    let first = crate::sanitize::one_line(&lines.join("; "), 800);
    let lines: Vec<&str> = [first.as_str()]
        .into_iter()
        .filter(|line| !line.is_empty())
        .chain(ended.iter().map(String::as_str))
        .collect();
    value["systemMessage"] = lines.join("\n").into();
    format!("{value}\n")
}

/// Nobody watches a hook.
struct Quiet;

impl RunObserver for Quiet {
    fn phase(&mut self, _phase: &str) {}
    fn activity(&mut self, _what: &str, _over: bool) {}
    fn note(&mut self, _note: &str) {}
}

/// Takes note of where the work tree stands as a turn begins.
fn prompt_submit(app: &App, input: &[u8]) -> String {
    let input = Input::read(input);
    let prompt = known(input.prompt.as_ref()).unwrap_or_default().trim_start();
    if prompt.starts_with(NOTIFICATION) {
        return String::new();
    }
    let app = input.app(app);
    // What it did is done by now; `prompt-expansion` noted where the turn began.
    let command = prompt.strip_prefix('/').and_then(|prompt| prompt.split_whitespace().next());
    let noted = if command.is_some_and(changes_files) { String::new() } else { note_beginning(&app, &input) };
    told_at_prompt(&app, input.session(), noted)
}

/// Adds to an answer what the session has not been told yet.
fn told_at_prompt(app: &App, session: Option<&str>, answer: String) -> String {
    let ended = Jobs::open(app).map(|jobs| untold::tell(&jobs, session, Audience::Going)).unwrap_or_default();
    let context: Vec<String> = slash::seen(app).into_iter().chain(ended.clone()).collect();
    if context.is_empty() {
        return answer;
    }
    let mut value: Value = serde_json::from_str(&answer).unwrap_or_else(|_| json!({}));
    value["hookSpecificOutput"] =
        json!({ "hookEventName": "UserPromptSubmit", "additionalContext": context.join("\n") });
    if !ended.is_empty() {
        let lines: Vec<&str> =
            value["systemMessage"].as_str().into_iter().chain(ended.iter().map(String::as_str)).collect();
        value["systemMessage"] = lines.join("\n").into();
    }
    format!("{value}\n")
}

/// Takes note of where the work tree stands, when the gate is on.
fn note_beginning(app: &App, input: &Input) -> String {
    let Ok(jobs) = Jobs::open(app) else { return String::new() };
    if !matches!(is_on(app, &jobs), Ok(true)) {
        return String::new();
    }
    let looked = catch_unwind(|| tree::look(&jobs.root, &Cancel::new()));
    let tree = looked.ok().and_then(Result::ok).map(|look| look.tree);
    let Some(session) = input.session() else {
        return tell(
            "Review gate: the turn's beginning could not be noted: the hook's input names no session",
        );
    };
    let state = StateFile::new(jobs.store.folder());
    match state.update(|state| ((), state.turn_began(session, None, tree.as_ref(), now()))) {
        Ok(((), None)) => String::new(),
        Ok(((), Some(told))) => tell(&told),
        Err(failure) => tell(&format!("Review gate: the turn's beginning could not be noted: {failure}")),
    }
}

#[cfg(test)]
mod tests {
    use codex_gate::Turn;

    use super::*;

    #[test]
    fn a_fault_is_a_decision_that_cannot_loop() {
        let say = |turn| {
            let request = GateRequest::new("s", turn);
            let (decision, told) = caught(&request, || panic!("as it might"));
            serde_json::from_str::<Value>(&document(StopEvent::Stop, &decision, &told, &[])).unwrap()
        };
        assert!(say(Turn::First)["hookSpecificOutput"]["additionalContext"].is_string());
        assert!(say(Turn::Continuing)["systemMessage"].as_str().unwrap().contains("a fault"));
        assert!(say(Turn::Unknown)["systemMessage"].is_string());
    }

    #[test]
    fn what_else_there_is_to_tell_stands_in_the_same_document() {
        let told = ["the state was corrupt\nand \u{1b}[31mred".to_owned()];
        let text = document(StopEvent::Stop, &Decision::skipped(Skip::Unchanged), &told, &[]);
        let value: Value = serde_json::from_str(&text).unwrap();
        let message = value["systemMessage"].as_str().unwrap();
        assert!(message.contains("skipped") && message.contains("was corrupt"), "{message}");
        assert!(!message.contains(['\n', '\u{1b}']) && text.lines().count() == 1);
        // A gate that is off has nothing to add to.
        assert_eq!(document(StopEvent::Stop, &Decision::skipped(Skip::Off), &[], &[]), "");
    }
}

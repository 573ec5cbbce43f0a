//! `hook stop` and `hook prompt-submit`, and what all hooks have in common.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use codex_companion_core::gate::{Deadline, TurnWork, not_reviewed, tree};
use codex_companion_core::{NoProgress, StopHandle, StopReason};
use codex_gate::host::{BadInput, LossyString, StopEvent, StopInput, claude};
use codex_gate::{
    Decision, FailureKind, Gate, GateRequest, NotReviewed, Policy, Wording, decide_without_state,
};
use codex_review_target::CancelToken;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{TURN_OFF, is_on, now, policy, reviewer, session, settings_turn_on, store};
use crate::args::HookEvent;
use crate::commands::slash::tell;
use crate::commands::{Answer, App, block_on, slash, work_tree};
use crate::exit::Failure;
use crate::settings::Settings;
use crate::stdio;
use codex_companion_core::Jobs;
use codex_companion_core::notices::{self, Audience};

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
    session_id: Option<LossyString>,
    transcript_path: Option<LossyString>,
    cwd: Option<LossyString>,
    prompt: Option<LossyString>,
    command_name: Option<LossyString>,
    command_args: Option<LossyString>,
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

fn known(text: Option<&LossyString>) -> Option<&str> {
    text.map(|text| text.0.as_str()).filter(|text| !text.is_empty())
}

fn at(app: &App, folder: Option<&Path>) -> App {
    let cwd = folder.filter(|folder| folder.is_absolute() && folder.is_dir()).unwrap_or(&app.cwd);
    App {
        environment: app.environment.clone(),
        cwd: cwd.to_path_buf(),
        global: app.global.clone(),
        limit: app.limit,
    }
}

fn stop(app: &App, input: &[u8]) -> String {
    let read = claude::read(input);
    let app = at(app, read.as_ref().ok().and_then(|read| read.request.cwd.as_deref()));
    let jobs = match app.jobs() {
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
        StopEvent::Stop if read.is_ok() => notices::take(&jobs, Some(&request.session), Audience::Continuing),
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
    let mut told: Vec<String> =
        jobs.store().take_notices().into_iter().map(|notice| notice.message).collect();
    let judged = caught(&request, || judge(&app, &jobs, on, &read, &request));
    told.extend(judged.1);
    document(event, &judged.0, &told, &ended())
}

/// Has the gate decide.
fn judge(
    app: &App,
    jobs: &Jobs,
    on: Result<bool, Failure>,
    read: &Result<StopInput, BadInput>,
    request: &GateRequest,
) -> (Decision, Vec<String>) {
    let (settings, broken) = match on.and_then(|_| app.settings(Some(jobs.root()), None)) {
        Ok(settings) => (settings, None),
        Err(failure) => (Settings::default(), Some(not_reviewed(&failure))),
    };
    let policy = policy(app, &settings);
    let limit = policy.deadline(None);
    let event = read.as_ref().map_or(StopEvent::default(), |read| read.event);
    let gate = Gate::new(store(jobs), policy).event(event.name());
    let failed = |failure| gate.fail(request.clone(), failure);
    let judged = match (read, broken) {
        (Err(bad), _) => failed(bad.clone().into()),
        (_, Some(failure)) => failed(failure),
        (Ok(_), None) => {
            let judged = block_on(async |stop, handle| {
                let reviewer = reviewer(app, &settings, jobs.root(), NoProgress, (&handle, stop));
                let deadline = Deadline::new(limit, stop);
                let (session, agent) = (request.session.as_str(), request.agent.as_deref());
                let mut work = TurnWork::new(jobs.root(), session, agent, deadline);
                Ok(while_read(&handle, gate.judge(request.clone(), &mut work, &*reviewer)).await)
            });
            judged.unwrap_or_else(|failure| failed(not_reviewed(&failure)))
        }
    };
    (judged.decision, judged.notices)
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
    let decision = decide_without_state(&request, not_reviewed(failure), &Policy::default());
    document(event, &decision, &[], &[])
}

/// What was decided, also when a fault of ours kept it from being decided.
fn caught(
    request: &GateRequest,
    decide: impl FnOnce() -> (Decision, Vec<String>),
) -> (Decision, Vec<String>) {
    catch_unwind(AssertUnwindSafe(decide)).unwrap_or_else(|_| {
        let fault = NotReviewed::new(FailureKind::Failed, "a fault in codex-companion");
        (decide_without_state(request, fault, &Policy::default()), Vec::new())
    })
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
    let wording = Wording::for_turns(&Policy::default()).turn_off(TURN_OFF);
    let Some(answer) = claude::answer(event, decision, &wording) else { return String::new() };
    if told.is_empty() && ended.is_empty() {
        return answer + "\n";
    }
    let mut value: Value = serde_json::from_str(&answer).unwrap_or_else(|_| json!({}));
    let mut lines: Vec<&str> = value["systemMessage"].as_str().into_iter().collect();
    lines.extend(told.iter().map(String::as_str));
    let first = codex_base::text::one_line(&lines.join("; "), 800);
    let lines: Vec<&str> = [first.as_str()]
        .into_iter()
        .filter(|line| !line.is_empty())
        .chain(ended.iter().map(String::as_str))
        .collect();
    value["systemMessage"] = lines.join("\n").into();
    format!("{value}\n")
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
    let ended =
        app.jobs().map(|jobs| notices::take(&jobs, session, Audience::Continuing)).unwrap_or_default();
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
    let Ok(jobs) = app.jobs() else { return String::new() };
    if !matches!(is_on(app, &jobs), Ok(true)) {
        return String::new();
    }
    let root = jobs.root();
    let looked = catch_unwind(|| tree::status(root, &CancelToken::new()));
    let tree = looked.ok().and_then(Result::ok).map(|status| status.snapshot);
    let Some(session) = input.session() else {
        return tell(
            "Review gate: the turn's beginning could not be noted: the hook's input names no session",
        );
    };
    match store(&jobs).update(|state| ((), state.turn_began(session, None, tree.as_ref(), now()))) {
        Ok(updated) => updated.moved_aside.map_or_else(String::new, |moved| tell(&moved.to_string())),
        Err(failure) => tell(&format!("Review gate: the turn's beginning could not be noted: {failure}")),
    }
}

#[cfg(test)]
mod tests {
    use codex_gate::{SkipReason, TurnPosition};

    use super::*;

    #[test]
    fn a_fault_is_a_decision_that_cannot_loop() {
        let say = |turn| {
            let request = GateRequest::new("s", turn);
            let (decision, told) = caught(&request, || panic!("as it might"));
            serde_json::from_str::<Value>(&document(StopEvent::Stop, &decision, &told, &[])).unwrap()
        };
        assert!(say(TurnPosition::First)["hookSpecificOutput"]["additionalContext"].is_string());
        assert!(say(TurnPosition::Continuing)["systemMessage"].as_str().unwrap().contains("a fault"));
        assert!(say(TurnPosition::Unknown)["systemMessage"].is_string());
    }

    #[test]
    fn what_else_there_is_to_tell_stands_in_the_same_document() {
        let told = ["the state was corrupt\nand \u{1b}[31mred".to_owned()];
        let text = document(StopEvent::Stop, &Decision::skipped(SkipReason::Unchanged), &told, &[]);
        let value: Value = serde_json::from_str(&text).unwrap();
        let message = value["systemMessage"].as_str().unwrap();
        assert!(message.contains("skipped") && message.contains("was corrupt"), "{message}");
        assert!(!message.contains(['\n', '\u{1b}']) && text.lines().count() == 1);
        // A gate that is off has nothing to add to.
        assert_eq!(document(StopEvent::Stop, &Decision::skipped(SkipReason::Off), &[], &[]), "");
    }
}

//! The review gate: agents' hooks, and `gate` for CI and git hooks.
//!
//! What it decides is `codex-gate`'s; here is what that leaves to its caller: where the work tree stands ([`tree`]), who reviews
//! ([`reviewer`]), what is remembered ([`state`]), and what may go wrong in between, none of which may keep a hook from saying
//! its decision.

mod hooks;
mod install;
mod once;
mod reviewer;
mod session;
mod state;
mod tree;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use codex_gate::{
    Answer as Reviewed, Before, Decided, Decision, GateRequest, GateState, Material, NotReviewed, OnFailure,
    Policy, Prompt, Skip, Turn, Why, decide_after, decide_before, decide_failed,
};
use codex_review_target::{Cancel, Error, ErrorKind, Target};
use serde_json::{Value, json};

pub(super) use hooks::run as hook;
pub(super) use once::run;

use self::state::{StateFile, now};
use super::App;
use super::jobs::Jobs;
use crate::environment::Environment;
use crate::exit::Failure;
use crate::settings::{PROJECT_FILE, Settings, SettingsFile};
use codex_companion_core::{RunObserver, Stop, StopHandle};

/// The command that turns the gate off.
const TURN_OFF: &str = "codex-companion setup --disable-review-gate";

/// Turns the gate on or off for the workspace; says what was done.
pub(super) fn set(app: &App, on: bool) -> Result<String, Failure> {
    let jobs = Jobs::open(app)?;
    jobs.store.set_config(|config| config.stop_review_gate = on)?;
    jobs.tell_notices(app);
    let word = if on { "on" } else { "off" };
    Ok(format!("turned the review gate {word} for {}", jobs.root.display()))
}

/// Whether turns in the workspace are reviewed before they end: what `setup` said, else the settings.
pub(super) fn is_on(app: &App, jobs: &Jobs) -> Result<bool, Failure> {
    let config = jobs.store.config()?;
    if config.stop_review_gate || jobs.store.folder().join("config.json").exists() {
        return Ok(config.stop_review_gate);
    }
    Ok(settings_turn_on(app, &jobs.root))
}

/// Whether the settings turn the gate on. A mistake elsewhere in them must not turn it off, nor on.
fn settings_turn_on(app: &App, root: &Path) -> bool {
    app.settings(Some(root), None)
        .map_or_else(|_| mention_gate(&app.environment, root), |settings| settings.review_gate == Some(true))
}

fn mention_gate(environment: &Environment, root: &Path) -> bool {
    let project = SettingsFile::read(&root.join(PROJECT_FILE)).ok().flatten();
    match environment.settings_file().map(|file| SettingsFile::read(&file)) {
        // Nobody can say what the user wants: better a gate that says that it fails.
        Some(Err(_)) => true,
        user => {
            let user = user.and_then(Result::ok).flatten();
            user.iter().chain(&project).flat_map(|file| file.text.lines()).any(turns_on)
        }
    }
}

/// Whether a line of settings sets the gate to anything but off.
fn turns_on(line: &str) -> bool {
    let Some((key, value)) = line.split_once('=') else { return false };
    key.trim().trim_matches(['"', '\'']) == "review_gate" && !value.trim_start().starts_with("false")
}

/// A question to the gate, with everything that answering it needs.
struct Gate<'a> {
    app: &'a App,
    settings: Settings,
    policy: Policy,
    state: StateFile,
    root: PathBuf,
    request: GateRequest,
    began: Instant,
    /// What to tell besides the decision.
    told: Vec<String>,
}

impl<'a> Gate<'a> {
    fn new(app: &'a App, settings: Settings, state: StateFile, root: &Path, request: GateRequest) -> Self {
        let mut policy = Policy::default();
        policy.timeout = app.limit.map_or(settings.timeouts.gate, |limit| limit.min(settings.timeouts.gate));
        let request = request.with_reviewer(reviewer::name(&settings));
        let (root, began) = (root.to_path_buf(), Instant::now());
        Self { app, settings, policy, state, root, request, began, told: Vec::new() }
    }

    /// How much of the time is left. The hosts' own limit is not known to their hooks: what `plugin` and `install` set up gives
    /// more than the default here.
    fn left(&self) -> Duration {
        self.policy.deadline(None).saturating_sub(self.began.elapsed())
    }

    /// Decides about changes, once the request knows its tree.
    async fn judge(
        &mut self,
        targets: Vec<Target>,
        watch: &mut dyn RunObserver,
        (stop, handle): (&mut Stop, &StopHandle),
    ) -> Decision {
        let (request, policy) = (&self.request, &self.policy);
        let before = match self.state.update(|state| decide_before(request, state, policy, now())) {
            Ok((before, told)) => {
                self.told.extend(told);
                before
            }
            // Each try stands alone: there are no rounds to lose count of.
            Err(failure) if request.turn == Turn::Single => {
                self.told.push(failure.to_string());
                decide_before(request, GateState::default(), policy, now()).0
            }
            Err(failure) => return without_state(request, reviewer::not_reviewed(&failure), policy),
        };
        let ask = match before {
            Before::Settled(decision) => return decision,
            Before::Ask(ask) => ask,
        };
        let answer: Reviewed = self.ask(targets, ask.open.as_deref(), watch, (stop, handle)).await.into();
        let (request, policy) = (&self.request, &self.policy);
        match self.state.update(|state| decide_after(&ask, answer.clone(), state, policy, now())) {
            Ok((decision, told)) => {
                self.told.extend(told);
                decision
            }
            Err(failure) => {
                self.told.push(failure.to_string());
                let (decision, _) = decide_after(&ask, answer, GateState::default(), policy, now());
                if decision.blocks() && !begins(&request.turn) {
                    return without_state(request, reviewer::not_reviewed(&failure), policy);
                }
                decision
            }
        }
    }

    async fn ask(
        &self,
        targets: Vec<Target>,
        open: Option<&str>,
        watch: &mut dyn RunObserver,
        (stop, handle): (&mut Stop, &StopHandle),
    ) -> Result<codex_gate::Reply, NotReviewed> {
        let (label, changes) = self
            .apart(stop, move |cancel| tree::material(&targets, cancel))
            .await?
            .map_err(|error| unread(&error))?;
        let material = Material::new(&label)
            .with_last_message(self.request.last_message.as_deref())
            .with_changes(Some(&changes))
            .with_open(open);
        let prompt = Prompt::build(self.policy.scope, &material);
        let limit = self.left();
        reviewer::ask(self.app, &self.settings, &self.root, &prompt, limit, watch, (stop, handle)).await
    }

    /// Does what blocks on a thread of its own, until it is done, time runs out, or the end is asked for.
    async fn apart<T: Send + 'static>(
        &self,
        stop: &mut Stop,
        work: impl FnOnce(&Cancel) -> T + Send + 'static,
    ) -> Result<T, NotReviewed> {
        let cancel = Cancel::new();
        let theirs = cancel.clone();
        let done = tokio::task::spawn_blocking(move || work(&theirs));
        let why = tokio::select! {
            done = done => return done.map_err(|_| NotReviewed::new(Why::Failed, "a fault in codex-companion")),
            () = tokio::time::sleep(self.left()) => Why::TimedOut,
            _ = stop.stopped() => Why::Cancelled,
        };
        cancel.cancel();
        Err(reviewer::stopped(why, self.policy.deadline(None)))
    }

    /// Decides when something failed before anybody could be asked.
    fn fail(&mut self, failure: NotReviewed) -> Decision {
        let (request, policy) = (&self.request, &self.policy);
        match self.state.update(|state| decide_failed(request, failure.clone(), state, policy, now())) {
            Ok((decision, told)) => {
                self.told.extend(told);
                decision
            }
            Err(error) => {
                self.told.push(error.to_string());
                without_state(request, failure, policy)
            }
        }
    }

    /// Keeps a line about the decision.
    fn log(&self, what: &str, decision: &Decision) {
        let mut line = json!({
            "at": now().unix_ms, "what": what, "session": self.request.session,
            "ms": u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX), "told": self.told,
        });
        if let (Value::Object(line), Ok(Value::Object(report))) =
            (&mut line, serde_json::to_value(decision.report()))
        {
            line.extend(report);
        }
        if !matches!(decision.outcome, Decided::Skipped(Skip::Off)) {
            self.state.log(&line);
        }
    }
}

/// Whether this is, as far as the host says, the first try in its turn.
fn begins(turn: &Turn) -> bool {
    matches!(turn, Turn::First | Turn::Single)
}

/// A decision where nothing can be remembered: it blocks a first try only, because no other could be told from it.
fn without_state(request: &GateRequest, failure: NotReviewed, policy: &Policy) -> Decision {
    let mut policy = policy.clone();
    if !begins(&request.turn) {
        policy.on_not_reviewed = OnFailure::Allow;
    }
    decide_failed(request, failure, GateState::default(), &policy, now()).0
}

/// A work tree that cannot be read, in the gate's terms.
fn unread(error: &Error) -> NotReviewed {
    let why = if error.kind() == ErrorKind::Cancelled { Why::Cancelled } else { Why::Failed };
    NotReviewed::new(why, error.to_string())
}

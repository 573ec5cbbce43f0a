//! `demo`: the whole flow on a throw-away repository, with a scripted model. No account, no network.
//!
//! With a `codex` in PATH that one runs, and talks to a scripted model endpoint on loopback in a private `CODEX_HOME`.
//! Without one this program plays the app-server as well: it starts itself as `codex-companion app-server` ([`serve`]).
//! Everything else is what `review` does: the same target, process, protocol, progress and report.

mod repository;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use codex_scripted::app_server::{Script, Step, Turn, serve_stdio};
use codex_scripted::home::CodexHome;
use codex_scripted::model::{Finding, ModelEndpoint, Reply, Scenario};
use serde_json::json;

pub use self::repository::{AFTER, BEFORE};
use self::repository::{BUGGY_FILE, Repository};
use super::{Answer, App, block_on, request};
use crate::args::Format;
use crate::environment;
use crate::exit::{Failure, Kind};
use crate::settings::Settings;
use codex_companion_core::codex::{self, Codex};
use codex_companion_core::{Prepared, Request, TargetOptions};

/// The model that the demo says it talks to: one that no catalogue has.
const MODEL: &str = "scripted-model";

pub(super) fn run(app: &App) -> Result<Answer, Failure> {
    let repository = Repository::create(app.environment.path.as_deref())?;
    let root = repository.path();
    let named = app.global.codex.as_deref().or(app.environment.variables.value("codex").map(Path::new));
    let real = match (named, codex::locate(named, app.environment.path.as_deref())) {
        (_, Ok(program)) => Some(program),
        (Some(_), Err(failure)) => return Err(failure),
        (None, Err(_)) => None,
    };
    // Both must live until the review is done.
    let endpoint;
    let home;
    let (codex, who) = match real {
        Some(program) => {
            endpoint = ModelEndpoint::start(scenario(root)).map_err(cannot("start the scripted model"))?;
            home = CodexHome::new(endpoint.base_url()).map_err(cannot("make a private CODEX_HOME"))?;
            let env = home.env().map(|(name, value)| (OsString::from(name), value.as_os_str().to_owned()));
            let who = format!("your {} against a scripted model on this machine", program.display());
            (Codex::new(program, root).env(env.to_vec()), who)
        }
        None => {
            let program = environment::this_program().map_err(cannot("find this program"))?;
            (
                Codex::new(program, root),
                "no `codex` in PATH, so its app-server is scripted as well as the model".to_owned(),
            )
        }
    };
    app.note("this is a demo: the model is SCRIPTED, its review was written beforehand");
    app.note(&format!("it runs {who}; no account, no network"));
    app.note(&format!("a throw-away repository with a bug in its uncommitted change: {}", root.display()));
    let review = Request::review(root, TargetOptions::new());
    let prepared = Prepared::with_codex(review, codex, Settings::default())?;
    let completed = block_on(async |stop, _| prepared.run(None, &mut app.progress(), stop).await)?;
    let answer = request::answer(completed, Format::Text);
    let mut stdout = repository.story();
    stdout.push_str("$ codex-companion review\n\n");
    stdout.push_str(&answer.stdout);
    stdout.push_str(
        "\nThe model was scripted; everything else was the real flow. In a repository of yours, with Codex signed in:\n\
        \n  codex-companion setup\n  codex-companion review\n",
    );
    repository.remove()?;
    Ok(Answer { stdout, ..answer })
}

/// What the scripted model does: looks at the change, then finds the bug in it.
fn scenario(root: &Path) -> Scenario {
    Scenario::in_turn([
        Reply::new()
            .reason("The change rewrites the loop over the items; its bounds need a look.")
            .run("git diff"),
        Reply::review(repository::EXPLANATION, &[finding(root)]),
    ])
}

fn finding(root: &Path) -> Finding {
    Finding::new(repository::TITLE, repository::BODY, root.join(BUGGY_FILE), repository::LINES)
}

/// Plays the app-server on standard input and output.
#[must_use]
pub fn serve() -> ExitCode {
    let root = environment::working_directory().unwrap_or_default();
    let review = json!({
        "findings": [{
            "title": repository::TITLE,
            "body": repository::BODY,
            "confidence_score": 0.9,
            "priority": 1,
            "code_location": {
                "absolute_file_path": root.join(BUGGY_FILE),
                "line_range": {"start": repository::LINES.start(), "end": repository::LINES.end()},
            },
        }],
        "overall_correctness": "patch is incorrect",
        "overall_explanation": repository::EXPLANATION,
        "overall_confidence_score": 0.9,
    });
    let turn = Turn::new([Step::command("git diff", repository::DIFF), Step::say(review.to_string())]);
    let models = vec![codex_scripted::app_server::model(MODEL, &["medium"], true)];
    match serve_stdio(Script::new().models(models).review(turn)) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(_) => ExitCode::FAILURE,
    }
}

fn cannot(what: &'static str) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::new(Kind::Io, format!("cannot {what}")).caused_by(error)
}

//! `setup`: checks that Codex is installed, signed in and usable, and says what to do if not.

mod report;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use codex_rpc::client::Client;
use codex_rpc::policy::Decline;
use codex_rpc::protocol::{
    account::{Account, AccountReadParams, AccountReadResponse},
    config::ConfigReadParams,
};

use super::{Answer, App, block_on, work_tree};
use crate::args::SetupArgs;
use crate::exit::{Exit, Failure, Kind};
use crate::render::{self, Auth, SetupReport, Tool};
use crate::settings::Settings;
use codex_base::text::one_line;
use codex_companion_core::codex::{self, Codex};
use codex_companion_core::{SessionRuntime, Stop};

/// The npm package of Codex.
const PACKAGE: &str = "@openai/codex";

pub(super) fn run(app: &App, flags: &SetupArgs) -> Result<Answer, Failure> {
    // First: invalid settings must not keep the gate on.
    let toggled = (flags.enable_review_gate || flags.disable_review_gate)
        .then(|| super::gate::set(app, flags.enable_review_gate))
        .transpose()?;
    let settings = match app.settings(None, None) {
        // A report is for what does not work, settings included.
        Err(_) if flags.report.is_some() => Settings::default(),
        settings => settings?,
    };
    let mut report = SetupReport {
        session_runtime: SessionRuntime::new(app.listening_broker(&work_tree(&app.cwd)).as_ref()),
        ..SetupReport::default()
    };
    let path = app.environment.path.as_deref();
    let npm = codex::in_path(OsStr::new("npm"), path);
    report.npm = match &npm {
        Some(npm) => Tool { available: true, detail: npm.display().to_string() },
        None => Tool { available: false, detail: "npm is not in PATH".to_owned() },
    };
    report.actions_taken.extend(toggled);
    // Before the gate is reported: its setting is imported as well.
    if let Some(folder) = &flags.import_jobs {
        let imported = import(app, folder)?;
        report.actions_taken.push(imported);
    }
    // Without a state directory there is no gate.
    if let Ok(jobs) = app.jobs() {
        report.review_gate_enabled = super::gate::is_on(app, &jobs)?;
        app.report_notices(&jobs);
    }
    let find = || codex::locate(settings.codex.as_deref(), path);
    let program = match find() {
        Err(failure) if flags.install => {
            install(app, npm.as_deref().map(OsString::from).ok_or(failure)?)?;
            report.actions_taken.push(format!("installed {PACKAGE} with npm"));
            find()
        }
        found => found,
    };
    match program {
        Ok(program) => inspect(app, program, settings.timeouts.handshake, &mut report)?,
        Err(failure) => {
            report.codex = Tool { available: false, detail: failure.to_string() };
            report.next_steps.extend(failure.hint().map(str::to_owned));
        }
    }
    report.ready = report.codex.available && report.auth.logged_in;
    if let Some(file) = &flags.report {
        return report::write(app, &report, file.as_deref());
    }
    let exit = if report.ready { Exit::Done } else { Exit::Unavailable };
    Ok(Answer { stdout: render::setup(&report, flags.out.json), exit, failure: None })
}

/// Imports the jobs of the Node plugin `codex-plugin-cc`; says how many.
fn import(app: &App, directory: &Path) -> Result<String, Failure> {
    let jobs = app.jobs()?;
    let report = jobs.store().import_reference(&app.cwd.join(directory))?;
    app.report_notices(&jobs);
    for (what, why) in &report.skipped {
        app.note(&format!("not imported: {what} ({why})"));
    }
    let count = report.imported.len();
    Ok(format!("imported {count} job{} of codex-plugin-cc", if count == 1 { "" } else { "s" }))
}

/// Starts Codex once, and asks for its version and account.
fn inspect(
    app: &App,
    program: PathBuf,
    handshake: std::time::Duration,
    report: &mut SetupReport,
) -> Result<(), Failure> {
    let place = program.display().to_string();
    let codex = Codex::new(program, &app.cwd).handshake(handshake);
    let asked = block_on(async |stop, _| ask(&codex, stop).await);
    let asked = match asked {
        Ok(asked) => asked,
        Err(failure) if matches!(failure.kind(), Kind::Interrupted | Kind::Terminated) => {
            return Err(failure);
        }
        Err(failure) => {
            let mut detail = format!("{place}: {failure}");
            for cause in failure.causes() {
                detail.push_str("; ");
                detail.push_str(&cause);
            }
            report.codex = Tool { available: false, detail };
            report.next_steps.extend(failure.hint().map(str::to_owned));
            return Ok(());
        }
    };
    report.codex = Tool { available: true, detail: format!("{} ({place})", asked.version) };
    report.auth = auth(&asked);
    if !report.auth.logged_in {
        report.next_steps.extend(Failure::not_signed_in().hint().map(str::to_owned));
    }
    Ok(())
}

struct Asked {
    version: String,
    account: Result<AccountReadResponse, String>,
    provider: Option<String>,
}

async fn ask(codex: &Codex, stop: &mut Stop) -> Result<Asked, Failure> {
    let client = codex::connect(codex, Arc::new(Decline), stop).await?;
    let asked = tokio::select! {
        asked = questions(&client) => Ok(asked),
        stopped = stop.stopped() => Err(stopped.into()),
    };
    client.shutdown().await;
    asked
}

async fn questions(client: &Client) -> Asked {
    let (account_params, config_params) = (AccountReadParams::new(), ConfigReadParams::new());
    let (account, config) = tokio::join!(client.request(&account_params), client.request(&config_params));
    let version = client.server().codex_version().unwrap_or("unknown version");
    Asked {
        version: format!("codex {}", one_line(version, 40)),
        account: account.map_err(|error| Failure::from(&error).to_string()),
        provider: config.ok().and_then(|config| config.config.model_provider),
    }
}

fn auth(asked: &Asked) -> Auth {
    let provider = asked.provider.as_deref().map(|name| one_line(name, 80));
    let account = match &asked.account {
        Ok(account) => account,
        Err(why) => {
            return Auth {
                provider,
                detail: format!("Codex did not report its account: {why}"),
                source: "app-server".to_owned(),
                ..Auth::default()
            };
        }
    };
    let (method, detail) = match &account.account {
        Some(Account::ApiKey) => (Some("apikey"), "signed in with an API key".to_owned()),
        Some(Account::Chatgpt { email, plan_type }) => {
            let who =
                email.as_deref().map(|email| format!(" as {}", one_line(email, 120))).unwrap_or_default();
            let plan =
                plan_type.as_deref().map(|plan| format!(" ({})", one_line(plan, 40))).unwrap_or_default();
            (Some("chatgpt"), format!("signed in with ChatGPT{who}{plan}"))
        }
        Some(Account::AmazonBedrock) => (Some("bedrock"), "signed in with Amazon Bedrock".to_owned()),
        Some(Account::Other(kind)) => (None, format!("signed in ({})", one_line(kind, 40))),
        _ if !account.requires_openai_auth => {
            let name = provider.as_deref().unwrap_or("in use");
            (None, format!("the provider {name} needs no OpenAI account"))
        }
        _ => (None, "not signed in".to_owned()),
    };
    Auth {
        available: true,
        logged_in: account.is_usable(),
        auth_method: method.map(str::to_owned),
        provider,
        detail,
        source: "app-server".to_owned(),
        verified: None,
        requires_openai_auth: Some(account.requires_openai_auth),
    }
}

/// Installs Codex with npm. npm's output goes to stderr.
fn install(app: &App, npm: OsString) -> Result<(), Failure> {
    app.note(&format!("installing {PACKAGE} with npm"));
    let mut command = std::process::Command::new(npm);
    command
        .args(["install", "--global", PACKAGE])
        .stdin(Stdio::null())
        .stdout(Stdio::from(std::io::stderr()));
    let hint = format!("run `npm install -g {PACKAGE}` to see the reason");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            Err(Failure::new(Kind::CodexMissing, format!("npm could not install {PACKAGE} ({status})"))
                .with_hint(hint))
        }
        Err(error) => {
            Err(Failure::new(Kind::CodexMissing, "npm cannot be started").with_hint(hint).caused_by(error))
        }
    }
}

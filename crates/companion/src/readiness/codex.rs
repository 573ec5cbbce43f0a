//! What Codex reports about itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use codex_base::text::one_line;
use codex_rpc::client::Client;
use codex_rpc::policy::Decline;
use codex_rpc::protocol::{
    account::{Account, AccountReadParams, AccountReadResponse},
    config::ConfigReadParams,
};

use super::{Auth, Readiness, Tool};
use crate::Stop;
use crate::codex::{self, Codex};
use crate::error::{Error, Kind, Result};

/// Starts Codex once, and asks for its version and account.
pub(super) async fn check(
    program: PathBuf,
    directory: &Path,
    handshake: Duration,
    readiness: &mut Readiness,
    stop: &mut Stop,
) -> Result<()> {
    let path = program.display().to_string();
    let codex = Codex::new(program, directory).handshake(handshake);
    let reported = match ask(&codex, stop).await {
        Ok(reported) => reported,
        Err(error) if matches!(error.kind(), Kind::Interrupted | Kind::Terminated) => return Err(error),
        Err(error) => {
            let mut detail = format!("{path}: {error}");
            for cause in error.causes() {
                detail.push_str("; ");
                detail.push_str(&cause);
            }
            readiness.codex = Tool { available: false, detail };
            readiness.next_steps.extend(error.hint().map(str::to_owned));
            return Ok(());
        }
    };
    readiness.codex = Tool { available: true, detail: format!("{} ({path})", reported.version) };
    readiness.auth = auth(&reported);
    if !readiness.auth.logged_in {
        readiness.next_steps.extend(Error::not_signed_in().hint().map(str::to_owned));
    }
    Ok(())
}

struct Reported {
    version: String,
    account: Result<AccountReadResponse, String>,
    provider: Option<String>,
}

async fn ask(codex: &Codex, stop: &mut Stop) -> Result<Reported> {
    let client = codex::connect(codex, Arc::new(Decline), stop).await?;
    let reported = tokio::select! {
        reported = questions(&client) => Ok(reported),
        stopped = stop.stopped() => Err(stopped.into()),
    };
    client.shutdown().await;
    reported
}

async fn questions(client: &Client) -> Reported {
    let (account_params, config_params) = (AccountReadParams::new(), ConfigReadParams::new());
    let (account, config) = tokio::join!(client.request(&account_params), client.request(&config_params));
    let version = client.server().codex_version().unwrap_or("unknown version");
    Reported {
        version: format!("codex {}", one_line(version, 40)),
        account: account.map_err(|error| Error::from(&error).to_string()),
        provider: config.ok().and_then(|config| config.config.model_provider),
    }
}

fn auth(reported: &Reported) -> Auth {
    let provider = reported.provider.as_deref().map(|name| one_line(name, 80));
    let account = match &reported.account {
        Ok(account) => account,
        Err(error) => {
            return Auth {
                provider,
                detail: format!("Codex did not report its account: {error}"),
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

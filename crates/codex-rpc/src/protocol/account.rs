//! Who is signed in, and how much of the plan is used.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::open::{lenient, null_as_default};
use super::request::client_requests;

client_requests! {
    AccountReadParams => "account/read" => AccountReadResponse,
    AccountRateLimitsReadParams => "account/rateLimits/read" => AccountRateLimitsReadResponse,
    LoginStartParams => "account/login/start" => LoginStartResponse,
}

/// Asks who is signed in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct AccountReadParams {
    /// Refresh the token first, which needs the network. Default false.
    pub refresh_token: bool,
}

impl AccountReadParams {
    /// What is known without the network.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AccountReadResponse {
    /// The account; `None` when no user is signed in.
    #[serde(default)]
    pub account: Option<Account>,
    /// Whether the configured provider needs an OpenAI account at all.
    #[serde(default)]
    pub requires_openai_auth: bool,
}

impl AccountReadResponse {
    /// Whether turns can be expected to work: a user is signed in, or the provider needs none.
    pub fn is_usable(&self) -> bool {
        self.account.is_some() || !self.requires_openai_auth
    }
}

/// A way of being signed in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WireAccount")]
#[non_exhaustive]
pub enum Account {
    /// An API key.
    ApiKey,
    /// A ChatGPT plan.
    Chatgpt {
        /// The account's mail address, when known.
        email: Option<String>,
        /// The plan, for example `pro`; new plans come without notice.
        plan_type: Option<String>,
    },
    /// Amazon Bedrock.
    AmazonBedrock,
    /// Another way, by its `type`.
    Other(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAccount {
    r#type: String,
    #[serde(default, deserialize_with = "lenient")]
    email: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    plan_type: Option<String>,
}

impl From<WireAccount> for Account {
    fn from(wire: WireAccount) -> Self {
        match wire.r#type.as_str() {
            "apiKey" => Self::ApiKey,
            "chatgpt" => Self::Chatgpt { email: wire.email, plan_type: wire.plan_type },
            "amazonBedrock" => Self::AmazonBedrock,
            _ => Self::Other(wire.r#type),
        }
    }
}

/// Asks for the plan's limits. Refused (`-32600`) when no user is signed in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct AccountRateLimitsReadParams {
    /// Leaves out a look-up that frequent polls do not need. Default: left to the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclude_reset_credit_details: Option<bool>,
}

impl AccountRateLimitsReadParams {
    /// Everything.
    pub fn new() -> Self {
        Self::default()
    }
}

/// The plan's limits.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AccountRateLimitsReadResponse {
    /// The main limit.
    pub rate_limits: RateLimitSnapshot,
    /// All limits by their id (`codex` is the main one).
    #[serde(default, deserialize_with = "null_as_default")]
    pub rate_limits_by_limit_id: BTreeMap<String, RateLimitSnapshot>,
}

/// How much of a plan is used. In `account/rateLimits/updated` it is sparse: merge it into what was known with
/// [`RateLimitSnapshot::merge`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct RateLimitSnapshot {
    /// Which limit this is.
    pub limit_id: Option<String>,
    /// Its name for people.
    pub limit_name: Option<String>,
    /// The short window.
    pub primary: Option<RateLimitWindow>,
    /// The long window.
    pub secondary: Option<RateLimitWindow>,
    /// The plan.
    pub plan_type: Option<String>,
    /// Why the limit is reached, when it is.
    pub rate_limit_reached_type: Option<String>,
}

impl RateLimitSnapshot {
    /// Takes over what `newer` says; what it leaves out stays.
    pub fn merge(&mut self, newer: &Self) {
        fn take<T: Clone>(old: &mut Option<T>, new: &Option<T>) {
            if new.is_some() {
                old.clone_from(new);
            }
        }
        take(&mut self.limit_id, &newer.limit_id);
        take(&mut self.limit_name, &newer.limit_name);
        take(&mut self.primary, &newer.primary);
        take(&mut self.secondary, &newer.secondary);
        take(&mut self.plan_type, &newer.plan_type);
        take(&mut self.rate_limit_reached_type, &newer.rate_limit_reached_type);
    }

    /// Whether it says anything about usage. Codex sends empty ones after every answer of a custom provider.
    pub fn is_informative(&self) -> bool {
        self.primary.is_some() || self.secondary.is_some() || self.rate_limit_reached_type.is_some()
    }
}

/// One window of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RateLimitWindow {
    /// Percent used, 0 to 100.
    pub used_percent: f64,
    /// The window's length in minutes.
    #[serde(default)]
    pub window_duration_mins: Option<i64>,
    /// When it begins anew, in seconds since the Unix epoch.
    #[serde(default)]
    pub resets_at: Option<i64>,
}

/// Starts a sign-in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum LoginStartParams {
    /// With an API key.
    ApiKey {
        /// The key. Never shown by `Debug`.
        api_key: String,
    },
    /// In a browser on this machine.
    Chatgpt,
    /// With a code that is typed into a browser elsewhere.
    ChatgptDeviceCode,
}

impl std::fmt::Debug for LoginStartParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ApiKey { .. } => "ApiKey { .. }",
            Self::Chatgpt => "Chatgpt",
            Self::ChatgptDeviceCode => "ChatgptDeviceCode",
        })
    }
}

/// What the user has to do next. `account/login/completed` has the result.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LoginStartResponse {
    /// The sign-in that this is about, when it takes more than this answer.
    #[serde(default)]
    pub login_id: Option<String>,
    /// What to open in a browser.
    #[serde(default)]
    pub auth_url: Option<String>,
    /// Where to type the code.
    #[serde(default)]
    pub verification_url: Option<String>,
    /// The code.
    #[serde(default)]
    pub user_code: Option<String>,
}

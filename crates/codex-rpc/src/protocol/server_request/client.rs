//! What only the client knows: its tokens, what it is, what time it has.

use serde::{Deserialize, Serialize};

use crate::protocol::ThreadId;

/// Tokens that the client manages have run out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ChatgptAuthTokensRefreshRequest {
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// The account that they were for.
    #[serde(default)]
    pub previous_account_id: Option<String>,
}

/// New tokens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ChatgptAuthTokens {
    /// The access token. Never shown by `Debug`.
    pub access_token: String,
    /// The account.
    pub chatgpt_account_id: String,
}

impl ChatgptAuthTokens {
    /// These tokens.
    pub fn new(access_token: impl Into<String>, chatgpt_account_id: impl Into<String>) -> Self {
        Self { access_token: access_token.into(), chatgpt_account_id: chatgpt_account_id.into() }
    }
}

impl std::fmt::Debug for ChatgptAuthTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatgptAuthTokens")
            .field("chatgpt_account_id", &self.chatgpt_account_id)
            .finish_non_exhaustive()
    }
}

/// A proof of what the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct AttestationGenerateRequest {}

/// The proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttestationResponse {
    /// Opaque.
    pub token: String,
}

impl AttestationResponse {
    /// This token.
    pub fn new(token: impl Into<String>) -> Self {
        Self { token: token.into() }
    }
}

/// The time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CurrentTimeReadRequest {
    /// The thread.
    pub thread_id: ThreadId,
}

/// The time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CurrentTimeResponse {
    /// Seconds since the Unix epoch.
    pub current_time_at: i64,
}

impl CurrentTimeResponse {
    /// This many seconds since the Unix epoch.
    pub fn new(current_time_at: i64) -> Self {
        Self { current_time_at }
    }
}

//! The handshake: `initialize`, its answer, and the `initialized` notification.

use serde::{Deserialize, Serialize};

use super::request::client_requests;
use crate::setters::{optional_setters, setters};

client_requests! {
    InitializeParams => "initialize" => InitializeResponse,
}

/// Opens the conversation. Every other request before it is refused with "Not initialized".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InitializeParams {
    /// Who we are. The server puts the name in front of its own `userAgent`.
    pub client_info: ClientInfo,
    /// What we want beyond the stable surface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<InitializeCapabilities>,
}

impl InitializeParams {
    /// A client of this name and version that asks for the stable surface only.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        let client_info = ClientInfo { name: name.into(), title: None, version: version.into() };
        Self { client_info, capabilities: None }
    }
}

optional_setters! { InitializeParams { capabilities: InitializeCapabilities } }

/// A client's name for logs and user agents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClientInfo {
    /// A machine's name for the client, for example `codex-companion`.
    pub name: String,
    /// A person's name for the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The client's version.
    pub version: String,
}

/// What a client opts into.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct InitializeCapabilities {
    /// Allows experimental methods and fields (`thread/backgroundTerminals/clean` is one). Default false.
    pub experimental_api: bool,
    /// Lets the server send `attestation/generate`. Default false.
    pub request_attestation: bool,
    /// Notifications that the server shall not send, by exact method. Default none.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "super::open::null_as_default")]
    pub opt_out_notification_methods: Vec<String>,
}

impl InitializeCapabilities {
    /// The stable surface, every notification.
    pub fn new() -> Self {
        Self::default()
    }
}

setters! {
    InitializeCapabilities {
        experimental_api: bool,
        request_attestation: bool,
        opt_out_notification_methods: Vec<String>,
    }
}

/// The server's side of the handshake.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InitializeResponse {
    /// `<client name>/<codex version> (<os>; <arch>) …`: the only place that has the version.
    #[serde(default)]
    pub user_agent: String,
    /// The Codex home that the server works with, absolute.
    #[serde(default)]
    pub codex_home: Option<String>,
    /// `unix` or `windows`.
    #[serde(default)]
    pub platform_family: Option<String>,
    /// `linux`, `macos`, `windows`.
    #[serde(default)]
    pub platform_os: Option<String>,
}

impl InitializeResponse {
    /// The server's version, taken from `user_agent`: what follows the first slash up to a space.
    pub fn codex_version(&self) -> Option<&str> {
        let (_, rest) = self.user_agent.split_once('/')?;
        rest.split_whitespace().next().filter(|version| version.starts_with(|c: char| c.is_ascii_digit()))
    }
}

/// Ends the handshake. It has no params: it serialises to `null`, which a sender leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Initialized;

impl super::ClientNotification for Initialized {
    const METHOD: &'static str = "initialized";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_user_agent() {
        let check = |user_agent: &str, expected: Option<&str>| {
            let response: InitializeResponse =
                serde_json::from_value(serde_json::json!({ "userAgent": user_agent })).unwrap();
            assert_eq!(response.codex_version(), expected, "{user_agent}");
        };
        check("harness/0.169.0 (Debian 12.0.0; x86_64) xterm (harness; 0)", Some("0.169.0"));
        check("a client/1.0.0-alpha.3 (x)", Some("1.0.0-alpha.3"));
        check("nothing here", None);
        check("x/unknown (y)", None);
        check("", None);
    }
}

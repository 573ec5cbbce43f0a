use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is set for a workspace. `config.json` is the truth, `state.json` carries a copy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Config {
    /// Whether the review gate decides if a turn may end. Default: false.
    #[serde(default)]
    pub stop_review_gate: bool,
    /// Every other setting, kept as it is.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The content of `config.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfigFile {
    pub(crate) version: u32,
    #[serde(flatten)]
    pub(crate) config: Config,
}

/// What one can tell of a file without knowing its version's format.
#[derive(Debug, Deserialize)]
pub(crate) struct Versioned {
    #[serde(default)]
    pub(crate) version: u32,
}

impl Versioned {
    /// Whether these bytes say that a newer version wrote them.
    pub(crate) fn is_newer(bytes: &[u8]) -> bool {
        serde_json::from_slice::<Versioned>(bytes).is_ok_and(|file| file.version > crate::FORMAT_VERSION)
    }
}

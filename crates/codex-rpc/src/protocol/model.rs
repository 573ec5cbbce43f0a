//! `model/list`: which models there are and which efforts each takes.

use serde::{Deserialize, Serialize};

use super::request::client_requests;

client_requests! {
    ModelListParams => "model/list" => ModelListResponse,
}

/// Asks for one page of the model catalogue.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ModelListParams {
    /// `next_cursor` of the page before. Default: the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How many models a page holds. Default: the server's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Also those that pickers hide. Default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_hidden: Option<bool>,
}

impl ModelListParams {
    /// The first page.
    pub fn new() -> Self {
        Self::default()
    }
}

/// One page of models.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ModelListResponse {
    /// The models of this page.
    #[serde(default, deserialize_with = "super::open::null_as_default")]
    pub data: Vec<Model>,
    /// Where the next page begins; `None` at the end.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// A model of the catalogue. A model that is not listed may still work: names pass through to the endpoint.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Model {
    /// The catalogue's identifier.
    pub id: String,
    /// The slug to pass as `model`.
    #[serde(default)]
    pub model: String,
    /// The name for people.
    #[serde(default)]
    pub display_name: String,
    /// One line about it.
    #[serde(default)]
    pub description: String,
    /// Hidden from pickers.
    #[serde(default)]
    pub hidden: bool,
    /// What `effort` may be for it, weakest first.
    #[serde(default, deserialize_with = "super::open::null_as_default")]
    pub supported_reasoning_efforts: Vec<ReasoningEffortOption>,
    /// The effort when none is asked for.
    #[serde(default)]
    pub default_reasoning_effort: Option<String>,
    /// The one that is used when none is asked for.
    #[serde(default)]
    pub is_default: bool,
}

/// An effort that a model takes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReasoningEffortOption {
    /// The value to pass as `effort`, for example `high`.
    pub reasoning_effort: String,
    /// One line about it.
    #[serde(default)]
    pub description: String,
}

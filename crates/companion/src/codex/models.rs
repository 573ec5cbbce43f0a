//! Warnings about models and efforts that the server does not list. They are passed on all the same.

use std::time::Duration;

use codex_rpc::client::Client;
use codex_rpc::protocol::model::ModelListParams;

use super::TurnRequest;

/// How long the list may take. Without it there are no warnings.
const LIMIT: Duration = Duration::from_secs(3);

/// Returns warnings about the requested model and effort. Asks the server only when there is one of them.
pub(super) async fn check(client: &Client, turn: &TurnRequest) -> Vec<String> {
    if turn.model.is_none() && turn.effort.is_none() {
        return Vec::new();
    }
    let mut params = ModelListParams::new();
    params.include_hidden = Some(true);
    params.limit = Some(200);
    let Ok(Ok(list)) = tokio::time::timeout(LIMIT, client.request(&params)).await else { return Vec::new() };
    let models: Vec<(String, Vec<String>)> = list
        .data
        .into_iter()
        .map(|model| {
            let efforts = model.supported_reasoning_efforts.into_iter().map(|effort| effort.reasoning_effort);
            (model.model, efforts.collect())
        })
        .collect();
    warnings(turn.model.as_deref(), turn.effort.as_deref(), &models)
}

fn warnings(model: Option<&str>, effort: Option<&str>, models: &[(String, Vec<String>)]) -> Vec<String> {
    let mut warnings = Vec::new();
    let known = model.and_then(|name| models.iter().find(|(known, _)| known == name));
    if let (Some(name), None, false) = (model, known, models.is_empty()) {
        warnings.push(format!("this Codex does not list the model {name:?}; it is passed on as it is"));
    }
    if let Some(effort) = effort {
        let mut efforts: Vec<&str> = match known {
            Some((_, efforts)) => efforts.iter().map(String::as_str).collect(),
            None => models.iter().flat_map(|(_, efforts)| efforts).map(String::as_str).collect(),
        };
        efforts.dedup();
        if !efforts.is_empty() && !efforts.contains(&effort) {
            efforts.sort_unstable();
            efforts.dedup();
            let of = known.map(|(name, _)| format!(" for {name}")).unwrap_or_default();
            let list = efforts.join(", ");
            warnings.push(format!(
                "this Codex lists no effort {effort:?}{of} (it has {list}); it is passed on as it is"
            ));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::warnings;

    #[test]
    fn d30_unknown_values_are_warned_about_and_known_ones_are_not() {
        let efforts = |list: &[&str]| list.iter().map(|&effort| effort.to_owned()).collect::<Vec<_>>();
        let models = [("a".to_owned(), efforts(&["low", "high"])), ("b".to_owned(), efforts(&["max"]))];
        let check = |model, effort, expected: usize| {
            assert_eq!(warnings(model, effort, &models).len(), expected, "{model:?} {effort:?}");
        };
        check(None, None, 0);
        check(Some("a"), Some("high"), 0);
        check(Some("a"), Some("max"), 1);
        check(None, Some("max"), 0);
        check(Some("c"), Some("max"), 1);
        check(Some("c"), Some("turbo"), 2);
        assert!(warnings(Some("c"), Some("x"), &[]).is_empty());
    }
}

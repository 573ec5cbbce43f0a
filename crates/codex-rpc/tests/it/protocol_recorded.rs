//! Everything that the real app-server was recorded to say is understood.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use codex_rpc::protocol::{
    account::*, config::*, error::*, initialize::*, item::*, model::*, notification::*, review::*,
    server_request::*, thread::*, turn::*, *,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// One recorded exchange.
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) messages: Vec<Message>,
}

/// One line of it that is a JSON-RPC message, or the end of the server's stream.
pub(crate) enum Message {
    FromClient(Frame),
    FromServer(Frame),
    Eof,
}

#[derive(Deserialize)]
pub(crate) struct Frame {
    pub(crate) id: Option<serde_json::Value>,
    pub(crate) method: Option<String>,
    pub(crate) params: Option<Box<RawValue>>,
    pub(crate) result: Option<Box<RawValue>>,
    pub(crate) error: Option<RequestFailure>,
}

impl Frame {
    pub(crate) fn params(&self) -> Option<&[u8]> {
        self.params.as_ref().map(|params| params.get().as_bytes())
    }

    /// The notification in it, if it is one.
    pub(crate) fn notification(&self) -> Option<ServerNotification> {
        let method = self.method.as_ref().filter(|_| self.id.is_none())?;
        Some(
            ServerNotification::parse(method, self.params())
                .unwrap_or_else(|error| panic!("{error}: {}", error.cause)),
        )
    }
}

/// All recordings, by name.
pub(crate) fn recordings() -> Vec<Recording> {
    #[derive(Deserialize)]
    struct Line {
        dir: String,
        msg: Option<Box<RawValue>>,
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transcripts");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        let messages = text.lines().filter_map(|line| {
            let Line { dir, msg } = serde_json::from_str(line).unwrap();
            let frame = || serde_json::from_str(msg.as_ref().unwrap().get()).unwrap();
            match dir.as_str() {
                "c->s" => Some(Message::FromClient(frame())),
                "s->c" => Some(Message::FromServer(frame())),
                "eof" => Some(Message::Eof),
                _ => None,
            }
        });
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        Recording { name, messages: messages.collect() }
    };
    paths.iter().map(|path| read(path)).collect()
}

fn from_server() -> impl Iterator<Item = Frame> {
    recordings().into_iter().flat_map(|recording| recording.messages).filter_map(|message| match message {
        Message::FromServer(frame) => Some(frame),
        _ => None,
    })
}

#[test]
fn every_recorded_notification_is_typed_or_left_out_on_purpose() {
    let mut others = BTreeSet::new();
    for notification in from_server().filter_map(|frame| frame.notification()) {
        if let ServerNotification::Other { method, .. } = notification {
            others.insert(method);
        }
    }
    // Neither says anything about a turn.
    assert_eq!(
        others.into_iter().collect::<Vec<_>>(),
        ["remoteControl/status/changed", "thread/goal/cleared"]
    );
}

#[test]
fn every_recorded_item_is_typed() {
    let mut kinds = BTreeMap::<String, usize>::new();
    for notification in from_server().filter_map(|frame| frame.notification()) {
        let items = match notification {
            ServerNotification::ItemStarted(params) | ServerNotification::ItemCompleted(params) => {
                vec![params.item]
            }
            ServerNotification::TurnCompleted(params) => params.turn.items,
            _ => continue,
        };
        for item in items {
            assert!(!matches!(item, ThreadItem::Other(_)), "{item:?}");
            *kinds.entry(item.kind().to_owned()).or_default() += 1;
        }
    }
    let kinds: Vec<&str> = kinds.keys().map(String::as_str).collect();
    let expected = [
        "agentMessage",
        "collabAgentToolCall",
        "commandExecution",
        "contextCompaction",
        "enteredReviewMode",
        "exitedReviewMode",
        "fileChange",
        "reasoning",
        "subAgentActivity",
        "userMessage",
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn every_recorded_server_request_is_typed() {
    let requests = from_server().filter(|frame| frame.method.is_some() && frame.id.is_some());
    let mut seen = 0;
    for frame in requests {
        let request = ServerRequest::parse(frame.method.as_ref().unwrap(), frame.params()).unwrap();
        let ServerRequest::CommandApproval(request) = request else { panic!("{request:?}") };
        assert!(request.command.unwrap().contains("touch"));
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[test]
fn every_recorded_answer_to_a_request_that_we_know_is_understood() {
    fn read<P: ClientRequest>(result: &RawValue) {
        let parsed: Result<P::Response, _> = serde_json::from_str(result.get());
        parsed.unwrap_or_else(|error| panic!("{}: {error}: {}", P::METHOD, result.get()));
    }
    fn params<P: DeserializeOwned>(method: &str, frame: &Frame) {
        let parsed: Result<P, _> = serde_json::from_slice(frame.params().unwrap_or(b"{}"));
        parsed.unwrap_or_else(|error| panic!("{method}: {error}"));
    }
    let mut seen = BTreeSet::new();
    for recording in recordings() {
        let mut asked = BTreeMap::new();
        for message in &recording.messages {
            match message {
                Message::FromClient(frame) if frame.method.is_some() && frame.id.is_some() => {
                    asked.insert(frame.id.as_ref().unwrap().to_string(), frame);
                }
                Message::FromServer(frame) if frame.method.is_none() => {
                    let Some(request) = asked.remove(&frame.id.as_ref().unwrap().to_string()) else {
                        continue;
                    };
                    let Some(result) = &frame.result else {
                        assert!(frame.error.as_ref().unwrap().code < 0);
                        continue;
                    };
                    macro_rules! known {
                        ($($params:ident)+) => {
                            match request.method.as_deref().unwrap() {
                                $(method if method == <$params>::METHOD => {
                                    params::<$params>(method, request);
                                    read::<$params>(result);
                                    seen.insert(method.to_owned());
                                })+
                                _ => {}
                            }
                        };
                    }
                    known!(InitializeParams ThreadStartParams ThreadResumeParams ThreadForkParams ThreadReadParams
                        ThreadListParams ThreadSetNameParams ThreadCompactStartParams TurnStartParams TurnSteerParams
                        TurnInterruptParams ReviewStartParams ModelListParams AccountReadParams ConfigReadParams
                        ExternalAgentConfigDetectParams);
                }
                _ => {}
            }
        }
    }
    assert_eq!(seen.len(), 16, "{seen:?}");
}

#[test]
fn the_model_list_tells_models_and_efforts() {
    let models = recordings().into_iter().find(|recording| recording.name == "models").unwrap();
    let answers = models.messages.iter().filter_map(|message| match message {
        Message::FromServer(Frame { result: Some(result), .. }) => Some(result),
        _ => None,
    });
    let lists = answers.filter_map(|result| serde_json::from_str::<ModelListResponse>(result.get()).ok());
    let models = lists.map(|list| list.data).find(|models| !models.is_empty()).unwrap();
    assert_eq!(models.iter().filter(|model| model.is_default).count(), 1);
    assert!(models.iter().all(|model| !model.supported_reasoning_efforts.is_empty()));
}

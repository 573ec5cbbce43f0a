//! What the server asked of the client during a turn, and how it was answered.

use std::sync::{Mutex, PoisonError};

use codex_rpc::client::Observer;
use codex_rpc::policy::PolicyAnswer;
use codex_rpc::protocol::ServerRequest;

use crate::observer::RunObserver;
use codex_base::text::one_line;

/// Collects one line for each request that was answered, until the observer gets them.
#[derive(Default)]
pub(super) struct AnsweredRequests {
    notes: Mutex<Vec<String>>,
}

impl AnsweredRequests {
    pub(super) fn report(&self, observer: &mut dyn RunObserver) {
        let notes = std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner));
        for note in notes {
            observer.note(&note);
        }
    }
}

impl Observer for AnsweredRequests {
    fn answered(&self, request: &ServerRequest, answer: &PolicyAnswer) {
        let what = match request {
            ServerRequest::CommandApproval(asked) => asked.command.clone().unwrap_or_default(),
            ServerRequest::FileChangeApproval(asked) => asked.paths.clone().unwrap_or_default().join(", "),
            ServerRequest::McpElicitation(asked) => format!("{}: {}", asked.server_name, asked.message),
            _ => String::new(),
        };
        let how = match answer {
            PolicyAnswer::Result(result) => {
                let words = result.get("decision").or_else(|| result.get("action"));
                words.map_or_else(|| "answered".to_owned(), |words| words.to_string().replace('"', ""))
            }
            PolicyAnswer::Error(_) => "refused".to_owned(),
        };
        let note = format!("Codex asks {}: {how}: {what}", request.method());
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        // A server that asks without end must not fill the memory.
        if notes.len() < 256 {
            notes.push(one_line(&note, 300));
        }
    }
}

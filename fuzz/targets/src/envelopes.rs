//! Envelopes: what the scan says is what `serde_json` says, member by member.

use bytes::Bytes;
use codex_rpc::message::{Envelope, EnvelopeKind, Message};
use serde_json::Value;

use crate::envelope_model::compare;

/// Any frame.
///
/// # Panics
/// When scan and model differ, or [`Message::parse`] says something else than the scan.
pub fn envelopes(data: &[u8]) {
    compare(data);
    let (scanned, parsed) = (Envelope::scan(data), Message::parse(Bytes::copy_from_slice(data)));
    let Ok(envelope) = scanned else {
        assert!(parsed.is_err(), "what the scan refuses is no message");
        return;
    };
    match parsed {
        Ok(Message::Request { id, method, params }) => {
            assert_eq!(envelope.kind(), EnvelopeKind::Request);
            assert_eq!((envelope.id(), envelope.method()), (Some(id), Some(method.as_str())));
            assert_eq!(envelope.params(), params.as_deref());
        }
        Ok(Message::Notification { method, params }) => {
            assert_eq!(envelope.kind(), EnvelopeKind::Notification);
            assert_eq!((envelope.method(), envelope.params()), (Some(method.as_str()), params.as_deref()));
        }
        Ok(Message::Response { id, result }) => {
            assert_eq!(envelope.id(), id);
            assert_eq!(envelope.result(), result.as_deref().ok());
            assert_eq!(envelope.kind() == EnvelopeKind::ErrorResponse, result.is_err());
        }
        Err(_) => {
            assert_eq!(envelope.kind(), EnvelopeKind::ErrorResponse, "only an error's inside is looked at");
        }
    }
    // By another way: the tree of the whole, where that can be read.
    if let Some(Value::Object(object)) = std::str::from_utf8(data).ok().and_then(crate::json::unambiguous) {
        assert_eq!(envelope.method(), object.get("method").and_then(Value::as_str));
        let params = object.get("params").filter(|params| !params.is_null());
        assert_eq!(
            envelope.params().map(|raw| serde_json::from_slice::<Value>(raw).ok()),
            params.cloned().map(Some)
        );
        let named = params.and_then(|params| params.get("threadId")).and_then(Value::as_str);
        assert!(named.is_none() || envelope.thread_id() == named);
    }
}

//! The link between what is sent and what comes back.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The params of a request that a client may send; the type says the method and what the answer holds.
pub trait ClientRequest: Serialize {
    /// The method, for example `thread/start`.
    const METHOD: &'static str;
    /// What a successful answer parses to.
    type Response: DeserializeOwned;
}

/// The params of a notification that a client may send.
pub trait ClientNotification: Serialize {
    /// The method.
    const METHOD: &'static str;
}

macro_rules! client_requests {
    ($($params:ident => $method:literal => $response:ty,)+) => {
        $(impl super::ClientRequest for $params {
            const METHOD: &'static str = $method;
            type Response = $response;
        })+
    };
}

pub(super) use client_requests;

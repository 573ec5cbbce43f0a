//! Writing messages.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Error;

use super::{Dialect, RequestId, RpcError};

/// Writes a request as one line of JSON, without the newline. For no `params`, give `None::<&()>`.
///
/// # Errors
///
/// When `params` cannot be written as JSON, or the id is a fraction.
pub fn encode_request(
    dialect: Dialect,
    id: &RequestId,
    method: &str,
    params: Option<&(impl Serialize + ?Sized)>,
) -> Result<Bytes, Error> {
    Draft::new(dialect).member("id", id)?.member("method", method)?.optional("params", params)?.finish()
}

/// Writes a notification as one line of JSON, without the newline. For no `params`, give `None::<&()>`.
///
/// # Errors
///
/// When `params` cannot be written as JSON.
pub fn encode_notification(
    dialect: Dialect,
    method: &str,
    params: Option<&(impl Serialize + ?Sized)>,
) -> Result<Bytes, Error> {
    Draft::new(dialect).member("method", method)?.optional("params", params)?.finish()
}

/// Writes the answer to a request as one line of JSON, without the newline.
///
/// # Errors
///
/// When `result` cannot be written as JSON, or the id is a fraction.
pub fn encode_result(
    dialect: Dialect,
    id: &RequestId,
    result: &(impl Serialize + ?Sized),
) -> Result<Bytes, Error> {
    Draft::new(dialect).member("id", id)?.member("result", result)?.finish()
}

/// Writes an error answer as one line of JSON, without the newline. `None` becomes `"id":null`, for a request
/// whose id could not be read.
///
/// # Errors
///
/// When the id is a fraction.
pub fn encode_error(dialect: Dialect, id: Option<&RequestId>, error: &RpcError) -> Result<Bytes, Error> {
    Draft::new(dialect).member("id", &id)?.member("error", error)?.finish()
}

/// An object that is being written.
struct Draft(Vec<u8>);

impl Draft {
    fn new(dialect: Dialect) -> Self {
        let mut text = Vec::with_capacity(256);
        text.extend_from_slice(match dialect {
            Dialect::Codex => b"{",
            Dialect::JsonRpc2 => b"{\"jsonrpc\":\"2.0\"",
        });
        Self(text)
    }

    fn member(mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Result<Self, Error> {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        serde_json::to_writer(&mut self.0, value)?;
        Ok(self)
    }

    fn optional(self, name: &str, value: Option<&(impl Serialize + ?Sized)>) -> Result<Self, Error> {
        match value {
            Some(value) => self.member(name, value),
            None => Ok(self),
        }
    }

    fn finish(mut self) -> Result<Bytes, Error> {
        self.0.push(b'}');
        // A `RawValue` brings its own white space. Inside JSON a raw line break can be nothing else.
        let mut at = 0;
        while let Some(found) = memchr::memchr2(b'\n', b'\r', &self.0[at..]) {
            at += found;
            self.0[at] = b' ';
        }
        Ok(self.0.into())
    }
}

//! Request ids.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Number;

/// What ties an answer to its request: an integer of up to 64 bits, or a string. Both are kept exactly.
///
/// `1` and `"1"` are different ids. JSON-RPC lets an id be a fraction but advises against it; here fractions,
/// exponents and larger integers are refused, because they cannot be given back as they came.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RequestId {
    /// An integer. A [`Number`] that holds a fraction is refused when it is written.
    Number(Number),
    /// A string.
    String(String),
}

impl From<u64> for RequestId {
    fn from(id: u64) -> Self {
        Self::Number(id.into())
    }
}

impl From<&str> for RequestId {
    fn from(id: &str) -> Self {
        Self::String(id.to_owned())
    }
}

impl From<String> for RequestId {
    fn from(id: String) -> Self {
        Self::String(id)
    }
}

impl fmt::Display for RequestId {
    /// Numbers bare, strings quoted and escaped, so that the two differ in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(id) => id.fmt(f),
            Self::String(id) => write!(f, "{id:?}"),
        }
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(id) if id.is_u64() || id.is_i64() => id.serialize(serializer),
            Self::Number(_) => Err(serde::ser::Error::custom("a request id cannot be a fraction")),
            Self::String(id) => serializer.serialize_str(id),
        }
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ids;

        impl Visitor<'_> for Ids {
            type Value = RequestId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer of 64 bits or a string")
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<RequestId, E> {
                Ok(RequestId::Number(id.into()))
            }

            fn visit_i64<E: de::Error>(self, id: i64) -> Result<RequestId, E> {
                Ok(RequestId::Number(id.into()))
            }

            fn visit_str<E: de::Error>(self, id: &str) -> Result<RequestId, E> {
                Ok(id.into())
            }

            fn visit_string<E: de::Error>(self, id: String) -> Result<RequestId, E> {
                Ok(id.into())
            }
        }

        deserializer.deserialize_any(Ids)
    }
}

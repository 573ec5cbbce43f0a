//! Identifiers. Codex makes UUIDv7 strings for threads and turns and free-form strings for items; all are opaque.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Opaque, compared byte for byte, cheap to clone.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier as the server wrote it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.into())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id.into())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::from)
            }
        }
    };
}

id! {
    /// A thread: one conversation with the model, persisted or ephemeral.
    ThreadId
}
id! {
    /// A turn of a thread: from a user's message to the model's last word on it.
    TurnId
}
id! {
    /// An item of a turn: a message, a command, a file change. Unique within its thread; a retried stream may
    /// announce the same item again.
    ItemId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_strings_on_the_wire() {
        let id: ThreadId = serde_json::from_str("\"01a1\"").unwrap();
        assert_eq!((id.as_str(), id.to_string().as_str()), ("01a1", "01a1"));
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"01a1\"");
        assert_eq!(format!("{id:?}"), "ThreadId(\"01a1\")");
    }
}

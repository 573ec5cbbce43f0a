//! Open enums: the values that we know by name, and every other one verbatim.

/// Defines an enum of strings whose unknown values survive a round trip as `Other`.
///
/// A value that is not a string at all (Codex writes some variants of string enums as objects) is kept in `Other`
/// as its JSON text.
macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A value that this version does not know, verbatim (JSON text if it was not a string).
            Other(String),
        }

        impl $name {
            /// The value as it is written on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(match serde_json::Value::deserialize(deserializer)? {
                    serde_json::Value::String(text) => Self::from(text.as_str()),
                    other => Self::Other(other.to_string()),
                })
            }
        }
    };
}

pub(super) use open_enum;

/// Reads `null` as the type's default, for fields where a newer server may write `null` for "none".
pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + serde::Deserialize<'de>,
{
    use serde::Deserialize as _;
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads an object. Left to themselves, our types would take an array too, its elements for their fields in order, and find
/// a thread or a turn without a name.
pub(super) fn named<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    struct Object<T>(std::marker::PhantomData<T>);

    impl<'de, T: serde::Deserialize<'de>> serde::de::Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
            T::deserialize(serde::de::value::MapAccessDeserializer::new(members))
        }
    }

    deserializer.deserialize_map(Object(std::marker::PhantomData))
}

/// [`named`], from text.
pub(super) fn from_object<'de, T: serde::Deserialize<'de>>(json: &'de [u8]) -> serde_json::Result<T> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = named(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Reads a member that is only for information: a value that does not fit is `None` instead of an error.
pub(super) fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    use serde::Deserialize as _;
    Ok(serde_json::from_value(serde_json::Value::deserialize(deserializer)?).unwrap_or(None))
}

#[cfg(test)]
mod tests {
    #![expect(unreachable_pub, reason = "the macro writes what is public elsewhere")]

    open_enum! {
        /// A test.
        Colour {
            /// Red.
            Red = "red",
        }
    }

    #[test]
    fn unknown_values_round_trip() {
        let check = |json: &str, expected: Colour| {
            let read: Colour = serde_json::from_str(json).unwrap();
            assert_eq!(read, expected);
        };
        check("\"red\"", Colour::Red);
        check("\"mauve\"", Colour::Other("mauve".into()));
        check("{\"mixed\": [1]}", Colour::Other("{\"mixed\":[1]}".into()));
        check("null", Colour::Other("null".into()));
        assert_eq!(serde_json::to_string(&Colour::from("mauve")).unwrap(), "\"mauve\"");
        assert_eq!(Colour::Red.to_string(), "red");
    }
}

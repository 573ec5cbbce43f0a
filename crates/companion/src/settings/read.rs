//! How the value of a key is read from a file or a variable, and written for people.

use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::Value;

/// What the text of a variable did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// It set the key.
    Value,
    /// It means the same as if the variable were not set.
    Ignored,
    /// The key does not accept it.
    Invalid,
}

/// A kind of value.
pub trait Read {
    /// The type of the field.
    type Value;

    /// Reads a value of a file.
    fn from_toml(value: &Value) -> Option<Self::Value>;

    /// Reads the text of a variable: a value, `None` if it means nothing, or an error if it is invalid.
    fn from_text(text: &str) -> Result<Option<Self::Value>, ()> {
        Self::from_toml(&Value::String(text.to_owned())).map(Some).ok_or(())
    }

    /// Writes the value; `None` if it is not set.
    fn to_toml(value: &Self::Value) -> Option<Value>;
}

/// Short names of models. The first is that of the plugin `codex-plugin-cc`.
pub const MODEL_ALIASES: &[(&str, &str)] = &[("spark", "gpt-5.3-codex-spark")];

/// Resolves the alias of a model. Surrounding whitespace and the case of an alias are ignored. `None` if the name is empty.
#[must_use]
pub fn model(name: &str) -> Option<String> {
    let name = name.trim();
    let alias = MODEL_ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name));
    let name = alias.map_or(name, |(_, model)| model);
    (!name.is_empty()).then(|| name.to_owned())
}

/// A text that is not empty, without surrounding whitespace.
fn word(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// The path of a program.
pub enum Program {}

impl Read for Program {
    type Value = Option<PathBuf>;

    fn from_toml(value: &Value) -> Option<Self::Value> {
        word(value).map(|path| Some(path.into()))
    }

    fn to_toml(value: &Self::Value) -> Option<Value> {
        value.as_ref().map(|path| Value::String(path.display().to_string()))
    }
}

/// The name of a model, with aliases resolved.
pub enum Model {}

impl Read for Model {
    type Value = Option<String>;

    fn from_toml(value: &Value) -> Option<Self::Value> {
        word(value).and_then(model).map(Some)
    }

    fn to_toml(value: &Self::Value) -> Option<Value> {
        value.clone().map(Value::String)
    }
}

/// A name.
pub enum Word {}

impl Read for Word {
    type Value = Option<String>;

    fn from_toml(value: &Value) -> Option<Self::Value> {
        word(value).map(|name| Some(name.to_owned()))
    }

    fn to_toml(value: &Self::Value) -> Option<Value> {
        value.clone().map(Value::String)
    }
}

/// One of the names of an enum.
pub struct Choice<T>(PhantomData<T>);

impl<T: DeserializeOwned + Serialize> Read for Choice<T> {
    type Value = T;

    fn from_toml(value: &Value) -> Option<T> {
        Value::String(word(value)?.to_owned()).try_into().ok()
    }

    fn to_toml(value: &T) -> Option<Value> {
        Value::try_from(value).ok()
    }
}

/// A switch. As a variable only `true` has a meaning.
pub enum Switch {}

impl Read for Switch {
    type Value = Option<bool>;

    fn from_toml(value: &Value) -> Option<Self::Value> {
        value.as_bool().map(Some)
    }

    fn from_text(text: &str) -> Result<Option<Self::Value>, ()> {
        Ok((text == "true").then_some(Some(true)))
    }

    fn to_toml(value: &Self::Value) -> Option<Value> {
        value.map(Value::Boolean)
    }
}

/// A number of milliseconds, at least `LEAST`.
pub enum Milliseconds<const LEAST: u64> {}

impl<const LEAST: u64> Read for Milliseconds<LEAST> {
    type Value = Duration;

    fn from_toml(value: &Value) -> Option<Duration> {
        let milliseconds = u64::try_from(value.as_integer()?).ok()?;
        (milliseconds >= LEAST).then(|| Duration::from_millis(milliseconds))
    }

    fn from_text(text: &str) -> Result<Option<Duration>, ()> {
        let number = text.trim().parse().map_err(drop)?;
        Self::from_toml(&Value::Integer(number)).map(Some).ok_or(())
    }

    fn to_toml(value: &Duration) -> Option<Value> {
        Some(Value::Integer(i64::try_from(value.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// A program and its arguments. Empty if it is not set.
pub enum CommandLine {}

impl Read for CommandLine {
    type Value = Vec<String>;

    fn from_toml(value: &Value) -> Option<Vec<String>> {
        let words: Vec<String> = value.clone().try_into().ok()?;
        words.first().is_some_and(|program| !program.trim().is_empty()).then_some(words)
    }

    fn to_toml(value: &Vec<String>) -> Option<Value> {
        list(value)
    }
}

/// MCP tools, as `server/tool` or `server/*`.
pub enum Tools {}

impl Read for Tools {
    type Value = Vec<String>;

    fn from_toml(value: &Value) -> Option<Vec<String>> {
        let tools: Vec<String> = value.clone().try_into().ok()?;
        let valid = |tool: &String| {
            tool.split_once('/')
                .is_some_and(|(server, tool)| !server.is_empty() && !tool.is_empty() && !server.contains('*'))
        };
        tools.iter().all(valid).then_some(tools)
    }

    fn to_toml(value: &Vec<String>) -> Option<Value> {
        list(value)
    }
}

fn list(words: &[String]) -> Option<Value> {
    (!words.is_empty()).then(|| Value::Array(words.iter().cloned().map(Value::String).collect()))
}

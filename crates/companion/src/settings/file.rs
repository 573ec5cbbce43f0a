//! A settings file, and its keys with their lines.

use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use toml::Value;
use toml::de::{DeTable, ValueDeserializer};

use super::keys::{KEYS, Key};
use crate::error::{Error, Kind, Result};

/// The name of a project's settings file, in the root of the work tree.
pub const PROJECT_FILE: &str = ".codex-companion.toml";
/// The largest settings file that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;
/// The most characters of an unknown key that an error shows.
const LONGEST_KEY: usize = 60;

/// A settings file: where it is and its text.
#[derive(Clone, Debug)]
pub struct SettingsFile {
    /// Its path, for messages.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// A key of a file.
pub(super) struct Entry {
    pub(super) key: &'static Key,
    pub(super) value: Value,
    pub(super) line: usize,
}

impl SettingsFile {
    /// Creates a file from its path, for messages, and its text.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// Reads a file; `None` if there is none.
    ///
    /// # Errors
    /// It exists and cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        // Checked before it is opened: opening a pipe would wait for a writer.
        let read = path.metadata().and_then(|data| match data.is_file() && data.len() <= LARGEST {
            true => std::fs::read_to_string(path),
            false => Err(std::io::Error::other("it is not a regular file of at most 1 MiB")),
        });
        match read {
            Ok(text) => Ok(Some(Self { path: path.to_owned(), text })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                Err(Error::new(Kind::Settings, format!("cannot read {}", path.display())).caused_by(error))
            }
        }
    }

    /// Returns the keys and values.
    pub(super) fn entries(&self) -> Result<Vec<Entry>> {
        let table = DeTable::parse(&self.text).map_err(|error| {
            // The message is about the syntax, and has none of the file's text. Its Display shows the line.
            let line = error.span().map_or(1, |span| self.line(span.start));
            self.error(line, &format!("not valid TOML: {}", error.message()))
        })?;
        let mut entries = Vec::new();
        self.collect("", table.into_inner(), &mut entries)?;
        Ok(entries)
    }

    fn collect(&self, prefix: &str, table: DeTable<'_>, entries: &mut Vec<Entry>) -> Result<()> {
        for (name, value) in table {
            let line = self.line(name.span().start);
            let name = format!("{prefix}{}", name.into_inner());
            let table = value.get_ref().as_table().cloned();
            let is_prefix = KEYS
                .iter()
                .any(|key| key.name.strip_prefix(&*name).is_some_and(|rest| rest.starts_with('.')));
            match (Key::find(&name), table) {
                (Some(key), Some(_)) => {
                    return Err(self.error(line, &format!("`{name}` must be {}", key.values)));
                }
                (None, Some(table)) if is_prefix => self.collect(&format!("{name}."), table, entries)?,
                (None, _) => return Err(self.unknown(line, &name)),
                (Some(key), None) => {
                    let invalid = || self.error(line, &format!("`{name}` must be {}", key.values));
                    let value = Value::deserialize(ValueDeserializer::from(value)).map_err(|_| invalid())?;
                    entries.push(Entry { key, value, line });
                }
            }
        }
        Ok(())
    }

    fn unknown(&self, line: usize, name: &str) -> Error {
        let shown = codex_base::text::one_line(name, LONGEST_KEY);
        let error = self.error(line, &format!("unknown key `{shown}`"));
        let nearest = KEYS
            .iter()
            .map(|key| (strsim::jaro_winkler(name, key.name), key.name))
            .max_by(|one, other| one.0.total_cmp(&other.0));
        match nearest {
            Some((_, name)) => error.with_hint(format!("the most similar key is `{name}`")),
            None => error,
        }
    }

    /// An error in a line of this file.
    pub(super) fn error(&self, line: usize, message: &str) -> Error {
        Error::new(Kind::Settings, format!("{}:{line}: {message}", self.path.display()))
    }

    /// The number of the line at a byte.
    fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
    }
}

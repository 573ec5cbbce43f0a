//! Errors as documents and as text.

use codex_base::text::{clean, one_line};
use codex_review::ErrorReport;
use serde_json::{Value, json};

use crate::error::Error;

impl From<&Error> for ErrorReport {
    fn from(error: &Error) -> Self {
        let report = Self::new(error.kind().as_str(), with_causes(error));
        match error.hint() {
            Some(hint) => report.hint(hint),
            None => report,
        }
    }
}

fn with_causes(error: &Error) -> String {
    let mut message = error.to_string();
    for cause in error.causes() {
        message.push_str(": ");
        message.push_str(&cause);
    }
    message
}

/// The error as the one JSON document of a command: `{"error": {…}}`.
#[must_use]
pub fn error_document(error: &Error) -> Value {
    json!({ "error": ErrorReport::from(error) })
}

/// The error and its causes on one line.
#[must_use]
pub fn error_line(error: &Error, max_chars: usize) -> String {
    one_line(&with_causes(error), max_chars)
}

/// The error for people: what failed, the causes, what to do.
#[must_use]
pub fn error_text(error: &Error, colour: bool) -> String {
    let paint = |code: &str, word: &str| {
        if colour { format!("\x1b[{code}m{word}\x1b[0m") } else { word.to_owned() }
    };
    let message = error.to_string();
    let mut out = format!("{} {}\n", paint("1;31", "error:"), clean(message.trim()));
    for cause in error.causes() {
        out += &format!("  caused by: {}\n", clean(cause.trim()).replace('\n', "\n    "));
    }
    if let Some(hint) = error.hint() {
        out += &format!("{} {}\n", paint("1;32", "help:"), clean(hint.trim()));
    }
    out
}

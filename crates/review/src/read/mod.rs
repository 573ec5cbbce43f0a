//! Reading what a reviewer answered.

mod extract;
mod json;
mod members;
mod native;
mod path;

pub use path::normalize_path;

use crate::Review;

/// Reads the answers of reviewers.
///
/// ```
/// use codex_review::{Reading, ReviewReader, Severity};
///
/// let text = "Two defects.\n\nReview comment:\n\n- [P1] Off by one — /repo/src/cart.rs:8-10\n  The loop runs too far.";
/// let reader = ReviewReader::new().root("/repo");
/// let Reading::Review { review, .. } = reader.read_native(text) else { panic!("this text lists a finding") };
/// assert_eq!(review.findings[0].severity, Severity::High);
/// assert_eq!(review.findings[0].location().as_deref(), Some("src/cart.rs:8-10"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ReviewReader {
    roots: Vec<String>,
}

impl ReviewReader {
    /// A reader that knows no root: paths stay as the reviewer wrote them.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name of the work tree's root, to which paths are made relative (see [`normalize_path`]). Call it again for
    /// a second name of the same directory, for example the one with symbolic links resolved.
    #[must_use]
    pub fn root(mut self, root: impl Into<String>) -> Self {
        self.roots.push(root.into());
        self
    }

    /// Reads the answer of Codex's own reviewer (`review/start`): the text that Codex makes of it, the reviewer's JSON, or
    /// prose.
    ///
    /// A list of comments means [`NeedsAttention`](crate::ReviewVerdict::NeedsAttention); in JSON, `overall_correctness`
    /// decides.
    #[must_use]
    pub fn read_native(&self, text: &str) -> Reading {
        native::read(text, &self.roots)
    }

    /// Reads an answer in the form of [`output_schema`](crate::output_schema), wherever in `text` it is.
    ///
    /// Of several objects the last with a `verdict` or `findings` member decides; if that one is incomplete or not valid,
    /// there is no review. A missing verdict, summary or list of findings, and values of the wrong type, are errors that
    /// name the member. Corrected and noted: an unknown severity (medium), lines in the wrong order (swapped) or below 1,
    /// a confidence beyond 0 to 1 (clamped), missing next steps, body or recommendation (empty). Never returns
    /// [`Reading::Prose`].
    #[must_use]
    pub fn read_json(&self, text: &str) -> Reading {
        json::read(text, &self.roots)
    }
}

/// What a reviewer's answer is.
///
/// Exhaustive on purpose: a caller has to decide what each of them means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A review with a verdict.
    Review {
        /// The review.
        review: Review,
        /// What was corrected in the answer, one line each, in the order of the answer.
        notes: Vec<String>,
    },
    /// Plain text. Codex's reviewer writes nothing but an explanation when it lists no findings, so there is no verdict.
    Prose,
    /// The answer cannot be read.
    Unreadable(ReadError),
}

impl Reading {
    /// Returns the review, if there is one.
    #[must_use]
    pub fn review(&self) -> Option<&Review> {
        match self {
            Self::Review { review, .. } => Some(review),
            Self::Prose | Self::Unreadable(_) => None,
        }
    }

    /// Returns the review, or `None` for prose.
    ///
    /// # Errors
    /// The answer cannot be read.
    pub fn into_review(self) -> Result<Option<Review>, ReadError> {
        match self {
            Self::Review { review, .. } => Ok(Some(review)),
            Self::Prose => Ok(None),
            Self::Unreadable(error) => Err(error),
        }
    }

    fn from_result(result: Result<Review, String>, notes: Vec<String>) -> Self {
        match result {
            Ok(mut review) => {
                review.sort_findings();
                Self::Review { review, notes }
            }
            Err(message) => Self::Unreadable(ReadError { message }),
        }
    }
}

/// Why an answer cannot be read, precise enough to improve a prompt with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ReadError {
    message: String,
}

#![doc = include_str!("../README.md")]
//!
//! # Theory of operation
//!
//! A reviewer, which is a model, answers with text. [`ReviewReader`] turns the text into a [`Reading`]: a [`Review`] with
//! its [`Finding`]s, an answer in prose that has no verdict, or the reason why it cannot be read. The reader is tolerant of
//! what surrounds the answer and of small mistakes, which it corrects and notes. It is strict about the verdict: an answer
//! that is cut off or has no verdict never becomes one, and of several JSON objects only the last counts.
//!
//! A [`ReviewReport`] is a review together with what was reviewed and by which thread. It serializes as the document that
//! `codex-companion review --json` prints, can be stored and restored ([`ReviewReport::to_stored`]), and [`render`] writes it
//! as text, Markdown, JSON, SARIF or GitHub annotations.
//!
//! For a review by a model of your choice, [`AdversarialPrompt`] is the prompt and [`output_schema`] the form of the
//! answer that [`ReviewReader::read_json`] reads.
//!
//! Everything is pure: no files, no clock, no environment, no process. Time and memory are linear in the input.
//!
//! # What holds
//!
//! - No reader panics, whatever the text. Lines are at least 1 and in order, a confidence is between 0 and 1.
//! - No output of [`render`] contains a character that could control a terminal: the forms for people are cleaned by
//!   `codex_base::text`, the forms for programs escape such characters and lose nothing.
//! - Text from the repository or the user is in fences that it cannot close when it is part of a prompt.
//!
//! # Limits
//!
//! - A finding's file and lines are claims of the reviewer. Nothing here checks that they exist.
//! - Codex writes a review without findings as plain prose, in the same form as an answer that ignored the task. Neither
//!   has a verdict ([`Reading::Prose`]); only a reviewer that answers in JSON can approve.
//! - Codex's text form is recognized as Codex 0.169.0 writes it. Another form is read as prose.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests write files and read their environment"))]

mod finding;
mod prompt;
mod read;
pub mod render;
mod report;
mod review;
mod schema;

pub use finding::{Confidence, Finding, LineRange, Severity};
pub use prompt::AdversarialPrompt;
pub use read::{ReadError, Reading, ReviewReader, normalize_path};
pub use report::{
    CodexOutput, ContextSummary, ErrorReport, ReviewKind, ReviewReport, StoredError, StoredErrorKind,
    TargetSummary,
};
pub use review::{Review, ReviewVerdict};
pub use schema::output_schema;

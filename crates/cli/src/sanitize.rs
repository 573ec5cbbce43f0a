//! Model and repository text, made safe to show on a terminal or to hand to a pipe.
//!
//! The functions and their one table of characters are those of `codex_base::text`.

pub use codex_base::text::{clean as sanitize, is_forbidden, one_line};

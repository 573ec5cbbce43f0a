//! Text from a model, a repository or another program, made safe to print.
//!
//! All outputs use one table of characters: [`is_forbidden`]. The functions differ in what they do with such a
//! character and in the shape of the result:
//!
//! | function | lines | forbidden characters | bound |
//! |---|---|---|---|
//! | [`clean`] | several | removed | none |
//! | [`one_line`] | one | removed | characters |
//! | [`visible_line`] | one | replaced by a visible character | none |
//! | [`identifier`] | one | replaced by `-`, with all but ASCII letters and digits | characters |
//!
//! The result of each of them contains no forbidden character, and applying the function again changes nothing.
//!
//! [`clip`] and [`clip_start`] cut text to a number of bytes. [`Redactor`] removes secrets from text that other people will read,
//! and [`shell_word`] quotes text for a POSIX shell.
//!
//! # What is removed, and why
//!
//! - Escape sequences, whole: CSI, string sequences (OSC, DCS, APC, PM, SOS), two-character sequences and charset
//!   selections, introduced by ESC or by the C1 control of the same meaning. A string sequence ends at BEL, at ST, at
//!   the next ESC or, when it is not terminated, at the end of its line, so that it can hide only that line.
//! - Control characters: C0 except line feed and tab, DEL, C1.
//! - Carriage returns: CR LF becomes a line feed; a single CR, which overwrites what was printed, is removed.
//! - Line separators: U+0085, U+2028 and U+2029 become line feeds, which is what they mean.
//! - Bidirectional marks, embeddings, overrides and isolates: they make text read differently from what it is.
//! - Characters that draw nothing and can carry hidden text or split a word: the zero-width characters, fillers, the
//!   soft hyphen, variation selectors, tags, and everything else that Unicode calls default-ignorable.
//! - Joiners (U+200C, U+200D) and emoji variation selectors (U+FE0E, U+FE0F), unless they are at a place where scripts
//!   and emoji need them.
//!
//! Everything else is kept unchanged.

mod clean;
mod cut;
mod escape;
mod line;
mod redact;
mod shell;
mod table;

pub use clean::{clean, is_clean};
pub use cut::{clip, clip_start};
pub use line::{identifier, one_line, visible_line};
pub use redact::{Redactor, is_secret_name};
pub use shell::shell_word;
pub use table::{is_forbidden, is_invisible};

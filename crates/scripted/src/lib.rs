//! Scripted stand-ins for the two programs at either end of a real Codex, for demos and for tests.
//!
//! ```text
//! your code ──► app_server::Script            the app-server itself is played from a script
//! your code ──► real `codex app-server` ──► model::ModelEndpoint    only the model is played
//!                       ▲
//!                       └── home::CodexHome   a private CODEX_HOME that points at the endpoint
//! ```
//!
//! - [`model`]: a model endpoint on loopback. The *real* Codex talks to it, so everything but the model's words is
//!   real: threads, sandboxes, commands, patches, retries. Needs an installed Codex, no account and no network.
//! - [`home`]: the private `CODEX_HOME` that makes Codex use that endpoint and nothing else.
//! - [`app_server`]: an app-server that answers from a script, in memory or as a program on stdio. For what the
//!   real one cannot be made to do on demand: die, stall, speak noise, answer late or twice, flood.
//! - [`Gate`]: holds a reply until the test lets it go, so that tests wait for states and never for time.
//!
//! Nothing here reads the environment. Everything listens on 127.0.0.1 only, and everything that was started ends
//! with its handle.
//!
//! # Limitations
//!
//! These are stand-ins: they check little of what they are sent, keep all that they received in memory, and the
//! scripted app-server knows the methods that this crate's client uses, not all 109. Shapes and orders of events
//! follow exchanges that were recorded with Codex 0.169.0.
//!
//! # Example
//!
//! ```
//! use codex_scripted::app_server::{Script, ScriptedAppServer, Turn};
//! use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let (server, stream) = ScriptedAppServer::in_memory(Script::new().turn(Turn::say("Looks fine.")));
//! let (reader, mut writer) = tokio::io::split(stream);
//! writer.write_all(b"{\"id\":1,\"method\":\"initialize\",\"params\":{\"clientInfo\":{\"name\":\"doc\"}}}\n").await?;
//! let answer = BufReader::new(reader).lines().next_line().await?;
//! assert!(answer.is_some_and(|line| line.contains("userAgent")));
//! assert_eq!(server.received().len(), 1);
//! # Ok::<(), std::io::Error>(()) })?;
//! # Ok::<(), std::io::Error>(())
//! ```
#![allow(clippy::disallowed_methods, reason = "writes files of tests, which need not survive a crash")]

pub mod app_server;
pub mod home;
pub mod model;

mod signal;

pub use signal::Gate;

/// Cuts text into about equal pieces, at most `count`, never through a character.
fn cut(text: &str, count: usize) -> Vec<&str> {
    let size = text.len().div_ceil(count.max(1)).max(1);
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let at = (size..rest.len()).find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        let (piece, left) = rest.split_at(at);
        pieces.push(piece);
        rest = left;
    }
    pieces
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cut_text_is_whole_again(text in ".*", count in 0..20_usize) {
            let pieces = cut(&text, count);
            prop_assert!(pieces.len() <= count.max(1) && pieces.iter().all(|piece| !piece.is_empty()));
            prop_assert_eq!(pieces.concat(), text);
        }
    }

    #[test]
    fn text_is_cut_between_characters() {
        for (text, count, expected) in [
            ("abcdef", 3, vec!["ab", "cd", "ef"]),
            ("äöü", 3, vec!["ä", "ö", "ü"]),
            ("äöü", 2, vec!["äö", "ü"]),
            ("a", 5, vec!["a"]),
            ("", 2, vec![]),
        ] {
            assert_eq!(cut(text, count), expected, "{text} in {count}");
        }
    }
}

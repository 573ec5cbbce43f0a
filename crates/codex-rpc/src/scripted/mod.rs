//! Scripted stand-ins for the programs around a real Codex, for demos and for tests.
//!
//! ```text
//! your code ──► real `codex app-server` ──► model::ModelEndpoint    only the model is played
//!                       ▲
//!                       └── home::CodexHome   a private CODEX_HOME that points at the endpoint
//! ```
//!
//! - [`model`]: a model endpoint on loopback. The *real* Codex talks to it, so everything but the model's words is
//!   real: threads, sandboxes, commands, patches, retries. Needs an installed Codex, no account and no network.
//! - [`home`]: the private `CODEX_HOME` that makes Codex use that endpoint and nothing else.
//! - [`Gate`]: holds a reply until the test lets it go, so that tests wait for states and never for time.
//!
//! Nothing here reads the environment. Everything listens on 127.0.0.1 only, and everything that was started ends
//! with its handle.
//!
//! # Limitations
//!
//! These are stand-ins: they check little of what they are sent, and keep all that they received in memory.

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

//! The prompt for a reviewer. Everything that the project did not write is inside of fences.

use memchr::memmem;

use crate::{ReviewScope, text};

const TEMPLATE: &str = include_str!("../prompts/review.v1.md");
const OWN_CHANGES: &str = include_str!("../prompts/scope-own.v1.md");
const EVERYTHING: &str = include_str!("../prompts/scope-everything.v1.md");

/// What is put into a prompt. All of it is data: it cannot end its fence, regardless of its content.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ReviewMaterial<'a> {
    /// Describes what is under review: "uncommitted changes on branch x". Names in it come from the repository.
    pub target: &'a str,
    /// The agent's last message. At most [`Prompt::MESSAGE_BYTES`] are used: its beginning and its end.
    pub last_message: Option<&'a str>,
    /// The changes. At most [`Prompt::CHANGES_BYTES`] are used, and the prompt says when they are incomplete. `None` asks the
    /// reviewer to read the work tree itself.
    pub changes: Option<&'a str>,
    /// What the last block of this turn asked for: [`crate::PendingReview::open`].
    pub open: Option<&'a str>,
}

impl<'a> ReviewMaterial<'a> {
    /// Nothing but what is under review.
    #[must_use]
    pub fn new(target: &'a str) -> Self {
        Self { target, ..Self::default() }
    }

    /// Sets the agent's last message.
    #[must_use]
    pub fn last_message(mut self, message: Option<&'a str>) -> Self {
        self.last_message = message;
        self
    }

    /// Sets the changes.
    #[must_use]
    pub fn changes(mut self, changes: Option<&'a str>) -> Self {
        self.changes = changes;
        self
    }

    /// Sets what the last block of this turn asked for.
    #[must_use]
    pub fn open(mut self, open: Option<&'a str>) -> Self {
        self.open = open;
        self
    }
}

/// A finished prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    text: String,
    version: String,
}

impl Prompt {
    /// The maximum length of the agent's last message, in bytes.
    pub const MESSAGE_BYTES: usize = 16 * 1024;
    /// The maximum length of the changes, in bytes. Leaves room in a model input of a million characters.
    pub const CHANGES_BYTES: usize = 512 * 1024;

    /// Builds the gate's own prompt.
    #[must_use]
    pub fn build(scope: ReviewScope, material: &ReviewMaterial<'_>) -> Self {
        let mut pieces: Vec<(&str, String)> = Vec::new();
        if !material.target.is_empty() {
            pieces.push(("target", text::shorten(material.target, 1_000)));
        }
        if let Some(message) = material.last_message {
            pieces.push(("what the agent said last", both_ends(message, Self::MESSAGE_BYTES)));
        }
        if let Some(open) = material.open {
            pieces.push(("what the review before this one asked for", text::shorten(open, 4_000)));
        }
        let mut note = match material.changes {
            None => "Read the changes in the work tree yourself, with commands that change nothing.\n",
            Some(changes) => {
                let kept = text::clip(changes, Self::CHANGES_BYTES);
                pieces.push(("changes", kept.to_owned()));
                if kept.len() < changes.len() {
                    "The changes were too long to be given whole: their end is missing above. Read the rest in the work \
                     tree if you can; if you cannot and it matters, you could not review.\n"
                } else {
                    ""
                }
            }
        }
        .to_owned();
        if material.open.is_some() {
            note.push_str(
                "An earlier review of this turn asked for changes. First see whether they were made; raise something new only \
                 if it is critical or high.\n",
            );
        }

        let id = fence_id(&pieces);
        let mut fenced = String::new();
        for (label, content) in &pieces {
            let newline = if content.ends_with('\n') { "" } else { "\n" };
            fenced.push_str(&format!("<<{id} begin {label}>>\n{content}{newline}<<{id} end>>\n\n"));
        }
        fenced.push_str(&note);

        let scope_text = match scope {
            ReviewScope::OwnChanges => OWN_CHANGES,
            ReviewScope::Everything => EVERYTHING,
        };
        // The material is inserted last: placeholders in it stay as they are.
        let (before, after) =
            TEMPLATE.split_once("{material}").expect("the template has a placeholder for the material");
        let before = before.replace("{scope}", scope_text.trim_end()).replace("{id}", &id);
        let text = format!("{before}{}{after}", fenced.trim_end());
        Self { text, version: Self::version_for(scope).to_owned() }
    }

    /// A prompt that the caller wrote. `version` must change whenever its wording does, because kept verdicts depend on it.
    #[must_use]
    pub fn custom(text: impl Into<String>, version: impl Into<String>) -> Self {
        Self { text: text.into(), version: version.into() }
    }

    /// The version of the prompt that [`Prompt::build`] returns for a scope.
    #[must_use]
    pub fn version_for(scope: ReviewScope) -> &'static str {
        match scope {
            ReviewScope::OwnChanges => "1-own",
            ReviewScope::Everything => "1-everything",
        }
    }

    /// The text to send.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The version of the wording.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// An id that occurs in none of the pieces. It depends on all of them, so that the author of one piece cannot guess it; and it
/// is compared with each piece, so that guessing would not help.
fn fence_id(pieces: &[(&str, String)]) -> String {
    // FNV-1a.
    let bytes = pieces.iter().flat_map(|(_, content)| content.bytes().chain([0]));
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    loop {
        let id = format!("{hash:016x}");
        if pieces.iter().all(|(_, content)| memmem::find(content.as_bytes(), id.as_bytes()).is_none()) {
            return id;
        }
        hash = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
    }
}

/// The beginning and the end of a text that is too long: an agent makes its claims in either.
fn both_ends(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let (head, tail) = (text::clip(text, max / 2), text::clip_front(text, max / 2));
    format!("{head}\n[… {} bytes left out …]\n{tail}", text.len() - head.len() - tail.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A changed prompt file needs a new version, because kept verdicts depend on it: change both together.
    #[test]
    fn the_version_names_the_wording() {
        let wording = [TEMPLATE, OWN_CHANGES, EVERYTHING].map(|file| ("", file.to_owned()));
        assert_eq!(
            (fence_id(&wording).as_str(), Prompt::version_for(ReviewScope::OwnChanges)),
            ("dd9efbf371c59b4b", "1-own")
        );
        for scope in [ReviewScope::OwnChanges, ReviewScope::Everything] {
            let prompt = Prompt::build(scope, &ReviewMaterial::default());
            assert!(!prompt.text().contains(['{', '}']), "a placeholder is left");
        }
    }

    #[test]
    fn an_id_that_occurs_is_not_used() {
        let first = fence_id(&[("", "x".to_owned())]);
        let clash = [("", "x".to_owned()), ("", first.clone())];
        let second = fence_id(&clash);
        assert!(!first.contains(&second) && first != second);
    }

    #[test]
    fn long_material_is_shortened_and_the_prompt_says_so() {
        let long = "é".repeat(Prompt::CHANGES_BYTES);
        let prompt = Prompt::build(
            ReviewScope::Everything,
            &ReviewMaterial { last_message: Some(&long), changes: Some(&long), ..ReviewMaterial::default() },
        );
        assert!(prompt.text().len() < Prompt::CHANGES_BYTES + Prompt::MESSAGE_BYTES + 5_000);
        assert!(prompt.text().contains("bytes left out"));
        assert!(prompt.text().contains("their end is missing above"));
    }
}

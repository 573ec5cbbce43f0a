//! What `.gitattributes` say of a path.

use gix::attrs::StateRef;
use gix::attrs::search::Outcome;
use gix::bstr::{BStr, BString};
use gix::worktree::Stack;
use gix::worktree::stack::state::attributes::Source;

use crate::Error;
use crate::status::Index;

const SELECTED: [&str; 8] =
    ["diff", "linguist-generated", "filter", "text", "crlf", "eol", "ident", "working-tree-encoding"];

/// The attributes that bear on reading and showing a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathAttributes {
    pub(crate) diff: Diff,
    /// Whether a person wrote the file, as far as `linguist-generated` says.
    pub(crate) generated: bool,
    /// The driver that `filter` names.
    pub(crate) filter: Option<BString>,
    /// Whether what the work tree has and what is stored differ by line ends, encoding or `$Id$`.
    pub(crate) converted: bool,
}

/// What the attribute `diff` says, which `binary` unsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Diff {
    /// Nothing: the content tells.
    #[default]
    ByContent,
    Text,
    Binary,
    /// A driver; its configuration may say more. Its programs are never run.
    Driver(BString),
}

/// Looks attributes up, fastest in order of paths.
pub(crate) struct Attributes {
    stack: Stack,
    outcome: Outcome,
}

impl Attributes {
    pub(crate) fn new(repo: &gix::Repository, index: &Index) -> Result<Self, Error> {
        let stack = repo
            .attributes_only(&index.file, Source::WorktreeThenIdMapping)
            .map_err(|e| Error::git("read the attributes", e))?
            .detach();
        Ok(Self { stack, outcome: Outcome::default() })
    }

    pub(crate) fn of(
        &mut self,
        repo: &gix::Repository,
        path: &BStr,
        converts_by_default: bool,
    ) -> Result<PathAttributes, gix::Error> {
        let failed = gix::Error::from_error;
        self.outcome = self.stack.selected_attribute_matches(SELECTED);
        let platform = self.stack.at_path(path, None, &repo.objects).map_err(failed)?;
        platform.matching_attributes(&mut self.outcome);
        let mut found = PathAttributes { converted: converts_by_default, ..PathAttributes::default() };
        for matched in self.outcome.iter_selected() {
            let state = matched.assignment.state;
            match (matched.assignment.name.as_str(), state) {
                (_, StateRef::Unspecified) => {}
                ("diff", StateRef::Set) => found.diff = Diff::Text,
                ("diff", StateRef::Unset) => found.diff = Diff::Binary,
                ("diff", StateRef::Value(driver)) => found.diff = Diff::Driver(driver.as_bstr().into()),
                ("linguist-generated", StateRef::Set) => found.generated = true,
                ("linguist-generated", StateRef::Value(value)) => found.generated = value.as_bstr() == "true",
                ("filter", StateRef::Value(driver)) => found.filter = Some(driver.as_bstr().into()),
                ("text" | "crlf", StateRef::Unset) => found.converted = false,
                ("text" | "crlf" | "ident", StateRef::Set)
                | ("text" | "crlf" | "eol" | "working-tree-encoding", StateRef::Value(_)) => {
                    found.converted = true;
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Answers the git library's own question for attributes, for converting a file.
    pub(crate) fn fill(
        &mut self,
        repo: &gix::Repository,
        path: &BStr,
        out: &mut Outcome,
    ) -> Result<(), gix::Error> {
        let platform = self.stack.at_path(path, None, &repo.objects).map_err(gix::Error::from_error)?;
        platform.matching_attributes(out);
        Ok(())
    }
}

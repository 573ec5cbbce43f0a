//! The git attributes of a path.

use gix::attrs::StateRef;
use gix::attrs::search::Outcome;
use gix::bstr::{BStr, BString};
use gix::worktree::Stack;
use gix::worktree::stack::state::attributes::Source;

use crate::Error;
use crate::status::Index;

const SELECTED: [&str; 8] =
    ["diff", "linguist-generated", "filter", "text", "crlf", "eol", "ident", "working-tree-encoding"];

/// The attributes that decide how a file is read and shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathAttributes {
    pub(crate) diff: Diff,
    /// Whether `linguist-generated` marks the file as written by a program.
    pub(crate) generated: bool,
    /// The filter driver, from the attribute `filter`.
    pub(crate) filter: Option<BString>,
    /// Whether git converts line ends, the encoding or `$Id$` between the work tree and the object database.
    pub(crate) converted: bool,
}

/// The value of the attribute `diff`. The macro `binary` unsets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Diff {
    /// Not set: the content decides.
    #[default]
    ByContent,
    Text,
    Binary,
    /// A diff driver. Its configuration can mark content as binary; its programs are never run.
    Driver(BString),
}

/// Looks up attributes. Fastest when paths are looked up in sorted order.
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

    /// Fills `out` with the attributes of `path`, in the form that the git library needs to convert a file.
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

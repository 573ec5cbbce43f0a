//! Which untracked paths git would not show.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::bstr::{BStr, BString, ByteSlice as _};
use gix::glob::pattern::Case;
use gix::glob::search::{Pattern as _, pattern};
use gix::ignore::search::{Ignore as Parse, pattern_matching_relative_path as find};

use crate::Error;
use crate::settings::Settings;

type List = pattern::List<Parse>;

/// The rules that hold in the whole work tree: the repository's own list and the user's.
pub(super) struct Rules {
    everywhere: gix::ignore::Search,
    parse: Parse,
    case: Case,
}

/// The rules of a folder's `.gitignore`, and of those above it.
pub(super) struct FolderRules {
    list: List,
    above: Option<Arc<FolderRules>>,
}

impl Rules {
    pub(super) fn load(repo: &gix::Repository, settings: &Settings) -> Result<Self, Error> {
        let parse = repo.ignore_pattern_parser().unwrap_or_default();
        // An unreadable file of rules would mean showing what the user hides: refuse.
        let load = |file: Option<PathBuf>| {
            gix::ignore::Search::from_git_dir(repo.common_dir(), file, &mut Vec::new(), parse)
        };
        let everywhere = load(settings.excludes_file.clone()).map_err(|e| {
            let own = repo.common_dir().join("info/exclude");
            Error::io("read the ignore rules", settings.excludes_file.as_deref().unwrap_or(&own), e)
        })?;
        let case = if settings.ignore_case { Case::Fold } else { Case::Sensitive };
        Ok(Self { everywhere, parse, case })
    }

    /// The rules that `content`, a `.gitignore`, adds below `folder`, a path that is empty or ends in a slash.
    pub(super) fn below(
        &self,
        content: &[u8],
        folder: &BStr,
        above: Option<&Arc<FolderRules>>,
    ) -> Option<Arc<FolderRules>> {
        let patterns = self.parse.bytes_to_patterns(content, Path::new(".gitignore"));
        if patterns.is_empty() {
            return above.cloned();
        }
        let base = (!folder.is_empty()).then(|| BString::from(folder));
        let list = List { patterns, source: None, base };
        Some(Arc::new(FolderRules { list, above: above.cloned() }))
    }

    /// Whether `path` is ignored, given that no folder above it is. The nearest rule that matches decides.
    pub(super) fn ignores(&self, nearest: Option<&Arc<FolderRules>>, path: &BStr, is_folder: bool) -> bool {
        let name_at = path.rfind_byte(b'/').map(|slash| slash + 1);
        let mut rules = nearest;
        while let Some(folder) = rules {
            if let Some(found) = find(&folder.list, path, name_at, Some(is_folder), self.case) {
                return !found.pattern.is_negative();
            }
            rules = folder.above.as_ref();
        }
        let lists = self.everywhere.patterns.iter().rev();
        let found = lists.filter_map(|list| find(list, path, name_at, Some(is_folder), self.case)).next();
        found.is_some_and(|found| !found.pattern.is_negative())
    }
}

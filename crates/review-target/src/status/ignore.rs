//! Decides which untracked paths are ignored.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::bstr::{BStr, BString, ByteSlice as _};
use gix::glob::pattern::Case;
use gix::glob::search::{Pattern as _, pattern};
use gix::ignore::search::{Ignore as Parse, pattern_matching_relative_path as find};

use crate::Error;
use crate::settings::Settings;

type List = pattern::List<Parse>;

/// The rules for the whole work tree: those of the repository and those of the user.
pub(super) struct Rules {
    everywhere: gix::ignore::Search,
    parse: Parse,
    case: Case,
}

/// The rules of a directory's `.gitignore`, and those of its parents.
pub(super) struct DirectoryRules {
    list: List,
    parent: Option<Arc<DirectoryRules>>,
}

impl Rules {
    pub(super) fn load(repo: &gix::Repository, settings: &Settings) -> Result<Self, Error> {
        let parse = repo.ignore_pattern_parser().unwrap_or_default();
        // Without the rules, files that the user ignores would be shown: refuse an unreadable file of rules.
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

    /// Returns the rules below `directory`, with those of `content`, its `.gitignore`. The path of the directory is empty or
    /// ends in a slash.
    pub(super) fn rules_below(
        &self,
        content: &[u8],
        directory: &BStr,
        parent: Option<&Arc<DirectoryRules>>,
    ) -> Option<Arc<DirectoryRules>> {
        let patterns = self.parse.bytes_to_patterns(content, Path::new(".gitignore"));
        if patterns.is_empty() {
            return parent.cloned();
        }
        let base = (!directory.is_empty()).then(|| BString::from(directory));
        let list = List { patterns, source: None, base };
        Some(Arc::new(DirectoryRules { list, parent: parent.cloned() }))
    }

    /// Whether `path` is ignored. No parent directory of it may be ignored. The nearest matching rule decides.
    pub(super) fn ignores(
        &self,
        nearest: Option<&Arc<DirectoryRules>>,
        path: &BStr,
        is_directory: bool,
    ) -> bool {
        let name_at = path.rfind_byte(b'/').map(|slash| slash + 1);
        let mut rules = nearest;
        while let Some(directory) = rules {
            if let Some(found) = find(&directory.list, path, name_at, Some(is_directory), self.case) {
                return !found.pattern.is_negative();
            }
            rules = directory.parent.as_ref();
        }
        let lists = self.everywhere.patterns.iter().rev();
        let found = lists.filter_map(|list| find(list, path, name_at, Some(is_directory), self.case)).next();
        found.is_some_and(|found| !found.pattern.is_negative())
    }
}

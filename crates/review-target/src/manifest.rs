use crate::change::FileChange;
use crate::measure::Skipped;

/// How much of a file the context holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Inclusion {
    /// Its patch, or its content when it is untracked.
    Included,
    /// A line with its status and size.
    Summarised,
    /// Nothing.
    Omitted,
}

/// A changed file, and how much of it the context holds.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct ManifestEntry {
    /// What changed.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub file: FileChange,
    /// The old path of a file that was renamed without being changed.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub renamed_from: Option<crate::FilePath>,
    /// How much of it is in the context.
    pub inclusion: Inclusion,
    /// Why it is not there in full; `None` when it is.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub reason: Option<String>,
}

/// Every file of the change, by area and path, and what could not be looked at.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct Manifest {
    /// The changed files.
    pub files: Vec<ManifestEntry>,
    /// Places that could not be looked at, such as folders without permission.
    pub skipped: Vec<Skipped>,
}

impl Manifest {
    /// Files whose content the reader would expect in the context and does not get, each with its reason.
    pub fn left_out(&self) -> impl Iterator<Item = &ManifestEntry> {
        self.files.iter().filter(|entry| entry.inclusion != Inclusion::Included)
    }

    /// Returns how many files are included, summarised or omitted.
    #[must_use]
    pub fn count(&self, inclusion: Inclusion) -> usize {
        self.files.iter().filter(|entry| entry.inclusion == inclusion).count()
    }
}

use crate::change::FileChange;
use crate::measure::Skipped;

/// How much of a file is in the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Inclusion {
    /// The patch, or the content of an untracked file.
    Included,
    /// One line with status and size.
    Summarised,
    /// Nothing.
    Omitted,
}

/// A changed file, and how much of it is in the context.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct ManifestEntry {
    /// The changed file.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub file: FileChange,
    /// The old path of a file that was renamed without a change of content.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub renamed_from: Option<crate::FilePath>,
    /// How much of it is in the context.
    pub inclusion: Inclusion,
    /// The reason that it is not complete; `None` when it is.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub reason: Option<String>,
}

/// Every file of the change, by area and path, and the places that could not be examined.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct Manifest {
    /// The changed files.
    pub files: Vec<ManifestEntry>,
    /// Places that could not be examined, such as directories without read permission.
    pub skipped: Vec<Skipped>,
}

impl Manifest {
    /// Returns the files that are not included in full, each with its reason.
    pub fn left_out(&self) -> impl Iterator<Item = &ManifestEntry> {
        self.files.iter().filter(|entry| entry.inclusion != Inclusion::Included)
    }

    /// Returns how many files are included, summarised or omitted.
    #[must_use]
    pub fn count(&self, inclusion: Inclusion) -> usize {
        self.files.iter().filter(|entry| entry.inclusion == inclusion).count()
    }
}

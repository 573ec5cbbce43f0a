//! Reads the two versions of a file. Reads are bounded, and only regular files are opened.

use std::cell::Cell;
use std::sync::Arc;

use gix::bstr::{BStr, ByteSlice as _};

use crate::attributes::{Attributes, Diff, PathAttributes};
use crate::filter::{Filters, Source};
use crate::os::{Directory, ReadError, Stat};
use crate::settings::Settings;
use crate::status::{Index, Item, Mode, New, Stored};
use crate::{CancelToken, Error, Target};

/// Like git, content is binary when a NUL is among this many first bytes.
const SNIFFED: usize = 8000;

/// One version of a file, as git would store it.
#[derive(Debug)]
pub(crate) enum Version {
    /// There is no version: the file was added or deleted.
    Absent,
    Bytes(Vec<u8>),
    Unread(Unread),
}

/// The reason that a version was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Larger than the caller's limit; its size in bytes.
    TooLarge(u64),
    /// More lines than the caller's limit.
    TooLong,
    /// Removed since it was listed.
    Vanished,
    /// Modified while it was read.
    Changed,
    /// A FIFO, a socket or a device.
    Special,
    /// A git repository inside the work tree.
    Nested,
    /// Not fetched into a partial clone yet.
    NotFetched,
    Failed(String),
}

impl std::fmt::Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLarge(size) => write!(f, "too large to read ({size} bytes)"),
            Self::TooLong => f.write_str("too many lines to compare"),
            Self::Vanished => f.write_str("removed since it was listed"),
            Self::Changed => f.write_str("changed while it was read"),
            Self::Special => f.write_str("a FIFO, socket or device; these are never opened"),
            Self::Nested => f.write_str("a git repository inside the work tree"),
            Self::NotFetched => f.write_str("not fetched yet: this is a partial clone"),
            Self::Failed(reason) => f.write_str(reason),
        }
    }
}

/// Reads versions. Each thread has its own reader.
pub(crate) struct Reader<'t> {
    pub(crate) repo: gix::Repository,
    root: Directory,
    settings: Settings,
    attributes: Attributes,
    filters: Filters,
    partial: bool,
    cancel: &'t CancelToken,
    /// The two sizes that were looked up last: each size is needed for the budget and again for the allocation.
    sizes: Cell<[Option<(gix::ObjectId, u64)>; 2]>,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(
        target: &Target,
        index: Option<&Arc<Index>>,
        cancel: &'t CancelToken,
    ) -> Result<Self, Error> {
        Self::of(&target.repository, target.config, index, cancel)
    }

    pub(crate) fn of(
        shared: &gix::ThreadSafeRepository,
        scope: crate::ConfigScope,
        index: Option<&Arc<Index>>,
        cancel: &'t CancelToken,
    ) -> Result<Self, Error> {
        let repo = shared.to_thread_local();
        let path = repo.workdir().expect("open refuses repositories without a work tree");
        let root = Directory::open(path).map_err(|e| Error::io("enter", path, e))?;
        let settings = Settings::read(&repo, scope);
        let attributes = match index {
            Some(index) => Attributes::new(&repo, index)?,
            // Attribute files that are not in a sparse checkout are read from the index.
            None if settings.sparse => Attributes::new(&repo, &Index::load(&repo, &root, &settings)?)?,
            None => Attributes::new(&repo, &Index::empty(&repo))?,
        };
        let filters = Filters::new(&repo)?;
        let partial = repo.config_snapshot().string("extensions.partialClone").is_some();
        Ok(Self { repo, root, settings, attributes, filters, partial, cancel, sizes: Cell::default() })
    }

    pub(crate) fn attributes(&mut self, path: &BStr) -> Result<PathAttributes, Error> {
        let found = self.attributes.of(&self.repo, path, self.filters.converts_by_default);
        found.map_err(|e| Error::git(format_args!("look up the attributes of `{path}`"), e))
    }

    /// Reads the old version.
    pub(crate) fn old(&self, item: &Item, limit: u64) -> Result<Version, Error> {
        item.old.map_or(Ok(Version::Absent), |stored| self.stored(stored, limit))
    }

    /// Reads the new version, as git would store it.
    pub(crate) fn new_version(
        &mut self,
        item: &Item,
        attributes: &PathAttributes,
        limit: u64,
    ) -> Result<Version, Error> {
        match &item.new {
            None => Ok(Version::Absent),
            Some(New::Stored(stored)) => self.stored(*stored, limit),
            Some(New::Submodule(checkout)) => {
                let dirty = if checkout.dirty { "-dirty" } else { "" };
                Ok(Version::Bytes(format!("Subproject commit {}{dirty}\n", checkout.head).into_bytes()))
            }
            Some(New::Nested) => Ok(Version::Unread(Unread::Nested)),
            Some(New::Special) => Ok(Version::Unread(Unread::Special)),
            Some(New::File { mode: Mode::Link, .. }) if self.settings.symlinks => {
                Ok(match self.root.read_link(&item.path) {
                    Ok(target) => Version::Bytes(target),
                    Err(error) => Version::Unread(unread(ReadError::Io(error))),
                })
            }
            Some(New::File { .. }) => Ok(self.file(item, attributes, limit)),
        }
    }

    fn file(&mut self, item: &Item, attributes: &PathAttributes, limit: u64) -> Version {
        let path = item.path.as_bstr();
        let content = match self.root.read_file(path, limit) {
            Ok((content, _)) => content,
            Err(ReadError::TooLarge) => {
                let size = self.root.stat_path(path).map_or(limit, |stat| stat.size);
                return Version::Unread(Unread::TooLarge(size));
            }
            Err(error) => return Version::Unread(unread(error)),
        };
        if self.filters.stores_unconverted(attributes) {
            return Version::Bytes(content);
        }
        let source = Source { path, attributes, stored: item.old.map(|old| old.id) };
        let Self { repo, attributes: lookup, filters, cancel, .. } = self;
        match filters.clean(repo, lookup, &source, content, cancel) {
            Ok(content) => Version::Bytes(content),
            Err(reason) => Version::Unread(Unread::Failed(reason)),
        }
    }

    /// Whether the sizes alone prove that an item differs. `false` proves nothing.
    pub(crate) fn differs_by_size(&mut self, item: &Item) -> Result<bool, Error> {
        let (false, Some(old), Some(New::File { mode, stat: Some(stat) })) =
            (item.certain, item.old, &item.new)
        else {
            return Ok(item.certain);
        };
        if *mode == Mode::Link {
            return Ok(false);
        }
        let attributes = self.attributes(item.path.as_bstr())?;
        Ok(self.stores_unconverted(&attributes) && self.size(old)?.is_some_and(|size| size != stat.size))
    }

    fn stored(&self, stored: Stored, limit: u64) -> Result<Version, Error> {
        if stored.mode == Mode::Submodule {
            return Ok(Version::Bytes(format!("Subproject commit {}\n", stored.id).into_bytes()));
        }
        if stored.id.is_empty_blob() {
            return Ok(Version::Bytes(Vec::new()));
        }
        let failed = |e| Error::git(format_args!("read object {}", stored.id.to_hex_with_len(12)), e);
        let Some(size) = self.size(stored)? else {
            return Ok(Version::Unread(Unread::NotFetched));
        };
        if size > limit {
            return Ok(Version::Unread(Unread::TooLarge(size)));
        }
        let blob = self.repo.find_object(stored.id).map_err(failed)?.try_into_blob().map_err(failed)?;
        Ok(Version::Bytes({ blob }.take_data()))
    }

    /// Returns the size of a stored version without reading it, or `None` when a partial clone does not have it.
    pub(crate) fn size(&self, stored: Stored) -> Result<Option<u64>, Error> {
        if stored.id.is_empty_blob() || stored.mode == Mode::Submodule {
            return Ok(Some(0));
        }
        let [last, before] = self.sizes.get();
        if let Some((_, size)) = [last, before].into_iter().flatten().find(|(id, _)| *id == stored.id) {
            return Ok(Some(size));
        }
        let failed = |e| Error::git(format_args!("read object {}", stored.id.to_hex_with_len(12)), e);
        match self.repo.try_find_header(stored.id).map_err(failed)? {
            Some(header) => {
                self.sizes.set([Some((stored.id, header.size())), last]);
                Ok(Some(header.size()))
            }
            None if self.partial => Ok(None),
            None => {
                let message = format!("object {} is missing", stored.id.to_hex_with_len(12));
                Err(Error::new(crate::ErrorKind::Corrupt, message)
                    .with_hint("run `git fsck` in the repository to see what is damaged"))
            }
        }
    }

    /// Whether git would treat content as binary, given the file's attributes.
    pub(crate) fn is_binary(&self, attributes: &PathAttributes, content: &[u8]) -> bool {
        let by_content = || {
            content.len() as u64 > self.settings.big_file
                || content[..content.len().min(SNIFFED)].contains(&0)
        };
        match &attributes.diff {
            Diff::Text => false,
            Diff::Binary => true,
            Diff::ByContent => by_content(),
            Diff::Driver(name) => {
                let key = format!("diff.{name}.binary");
                self.repo.config_snapshot().boolean(key.as_str()).unwrap_or_else(by_content)
            }
        }
    }

    /// Whether an item that may differ does differ. A file that git stores unconverted is compared without holding it in
    /// memory.
    pub(crate) fn differs(&mut self, item: &Item) -> Result<bool, Error> {
        let (false, Some(old), Some(New::File { mode, .. })) = (item.certain, item.old, &item.new) else {
            return Ok(true);
        };
        let mode = *mode;
        let attributes = self.attributes(item.path.as_bstr())?;
        if mode != Mode::Link && self.stores_unconverted(&attributes) {
            let Ok((file, stat)) = self.root.open_regular(&item.path) else { return Ok(true) };
            if self.size(old)?.is_some_and(|size| size != stat.size) {
                return Ok(true);
            }
            return Ok(hash_blob(old.id.kind(), file, stat.size, self.cancel)? != Some(old.id));
        }
        match self.new_version(item, &attributes, u64::MAX)? {
            Version::Bytes(content) => {
                let size = content.len() as u64;
                Ok(hash_blob(old.id.kind(), content.as_slice(), size, self.cancel)? != Some(old.id))
            }
            Version::Absent | Version::Unread(_) => Ok(true),
        }
    }

    /// The result of `lstat` for a path.
    pub(crate) fn stat(&self, path: &BStr) -> Result<Stat, Unread> {
        self.root.stat_path(path).map_err(|e| unread(ReadError::Io(e)))
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.root
    }

    /// Whether git stores the file unconverted.
    pub(crate) fn stores_unconverted(&self, attributes: &PathAttributes) -> bool {
        self.filters.stores_unconverted(attributes)
    }
}

pub(crate) fn unread(error: ReadError) -> Unread {
    match error {
        ReadError::Vanished => Unread::Vanished,
        ReadError::Changed => Unread::Changed,
        ReadError::TooLarge => Unread::TooLarge(0),
        ReadError::Io(error) if error.kind() == std::io::ErrorKind::NotFound => Unread::Vanished,
        ReadError::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Unread::Failed("permission denied".to_owned())
        }
        ReadError::Io(error) => Unread::Failed(format!("cannot be read: {error}")),
    }
}

/// Computes the blob id of the content, read in small pieces. Returns `None` when it cannot be read to its end.
fn hash_blob(
    kind: gix::hash::Kind,
    mut content: impl std::io::Read,
    size: u64,
    cancel: &CancelToken,
) -> Result<Option<gix::ObjectId>, Error> {
    let mut hasher = gix::hash::hasher(kind);
    hasher.update(format!("blob {size}\0").as_bytes());
    let mut chunk = vec![0; 64 * 1024];
    let mut total = 0;
    loop {
        cancel.check()?;
        match content.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => {
                hasher.update(&chunk[..count]);
                total += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Ok(None),
        }
    }
    Ok(hasher.try_finalize().ok().filter(|_| total == size))
}

//! Reading the two versions of a file, bounded, and without ever opening what is not a regular file.

use std::cell::Cell;
use std::sync::Arc;

use gix::bstr::{BStr, ByteSlice as _};

use crate::attributes::{Attributes, Diff, PathAttributes};
use crate::filter::{Filters, Source};
use crate::os::{Folder, ReadError, Stat};
use crate::settings::Settings;
use crate::status::{Index, Item, Mode, New, Stored};
use crate::{CancelToken, Error, Target};

/// git looks for a NUL in so many bytes to tell binary from text.
const SNIFFED: usize = 8000;

/// One version of a file, as git would store it.
#[derive(Debug)]
pub(crate) enum Version {
    /// There is none: the file is new, or gone.
    Absent,
    Bytes(Vec<u8>),
    Unread(Unread),
}

/// Why a version was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Larger than the caller wants to read; its size in bytes.
    TooLarge(u64),
    /// More lines than are worth comparing.
    TooLong,
    /// Gone since it was listed.
    Vanished,
    /// Written to while it was read.
    Changed,
    /// A FIFO, a socket or a device.
    Special,
    /// A repository of its own.
    Nested,
    /// A partial clone does not have it yet.
    NotFetched,
    Failed(String),
}

impl std::fmt::Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLarge(size) => write!(f, "too large to read ({size} bytes)"),
            Self::TooLong => f.write_str("too many lines to compare"),
            Self::Vanished => f.write_str("gone since it was listed"),
            Self::Changed => f.write_str("changed while it was read"),
            Self::Special => f.write_str("a FIFO, socket or device, never opened"),
            Self::Nested => f.write_str("a repository of its own"),
            Self::NotFetched => f.write_str("not fetched yet: this is a partial clone"),
            Self::Failed(reason) => f.write_str(reason),
        }
    }
}

/// Reads versions; one for each thread.
pub(crate) struct Reader<'t> {
    pub(crate) repo: gix::Repository,
    root: Folder,
    settings: Settings,
    attributes: Attributes,
    filters: Filters,
    partial: bool,
    cancel: &'t CancelToken,
    /// The sizes that were asked for last: of each version it is asked once for the budget and once for the memory.
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
        let root = Folder::open(path).map_err(|e| Error::io("enter", path, e))?;
        let settings = Settings::read(&repo, scope);
        let attributes = match index {
            Some(index) => Attributes::new(&repo, index)?,
            // Attribute files that a sparse checkout leaves out are read from the index.
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

    /// The version that the change starts from.
    pub(crate) fn old(&self, item: &Item, limit: u64) -> Result<Version, Error> {
        item.old.map_or(Ok(Version::Absent), |stored| self.stored(stored, limit))
    }

    /// The version that the change leads to, as git would store it.
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
        if self.filters.leaves_alone(attributes) {
            return Version::Bytes(content);
        }
        let source = Source { path, attributes, stored: item.old.map(|old| old.id) };
        let Self { repo, attributes: lookup, filters, cancel, .. } = self;
        match filters.clean(repo, lookup, &source, content, cancel) {
            Ok(content) => Version::Bytes(content),
            Err(reason) => Version::Unread(Unread::Failed(reason)),
        }
    }

    /// Whether the sizes alone tell that an item differs. `false` says nothing.
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
        Ok(self.leaves_alone(&attributes) && self.size(old)?.is_some_and(|size| size != stat.size))
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

    /// The size of a stored version, without reading it; `None` when a partial clone lacks it.
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

    /// Whether an item that only looks different is different, found out without holding the file in memory
    /// where git stores it as it is.
    pub(crate) fn differs(&mut self, item: &Item) -> Result<bool, Error> {
        let (false, Some(old), Some(New::File { mode, .. })) = (item.certain, item.old, &item.new) else {
            return Ok(true);
        };
        let mode = *mode;
        let attributes = self.attributes(item.path.as_bstr())?;
        if mode != Mode::Link && self.leaves_alone(&attributes) {
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

    /// What `lstat` says of a path.
    pub(crate) fn stat(&self, path: &BStr) -> Result<Stat, Unread> {
        self.root.stat_path(path).map_err(|e| unread(ReadError::Io(e)))
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.root
    }

    /// Whether the file is stored as it is in the work tree.
    pub(crate) fn leaves_alone(&self, attributes: &PathAttributes) -> bool {
        self.filters.leaves_alone(attributes)
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

/// The id that git would give the content, read in small pieces; `None` when it cannot be read to its end.
fn hash_blob(
    kind: gix::hash::Kind,
    mut content: impl std::io::Read,
    size: u64,
    cancel: &CancelToken,
) -> Result<Option<gix::ObjectId>, Error> {
    let mut hasher = gix::hash::hasher(kind);
    hasher.update(format!("blob {size}\0").as_bytes());
    let mut piece = vec![0; 64 * 1024];
    let mut seen = 0;
    loop {
        cancel.check()?;
        match content.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => {
                hasher.update(&piece[..count]);
                seen += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Ok(None),
        }
    }
    Ok(hasher.try_finalize().ok().filter(|_| seen == size))
}

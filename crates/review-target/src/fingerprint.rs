use std::collections::HashMap;
use std::fmt;
use std::time::SystemTime;

use crate::content::{Reader, unread};
use crate::os::Stat;
use crate::status::{Area, Item, Mode, New, Stored};
use crate::{CancelToken, Error, FilePath, Target, TargetKind};

/// Files larger than this, in bytes, are identified by size, inode and times instead of content.
const HASHED_BYTES: u64 = 64 << 20;
/// Times prove that a file is unchanged only when they were older than this when the previous fingerprint was taken: the
/// time stamps of a file system can have a resolution of two seconds.
const SETTLED_SECONDS: i64 = 2;

/// Identifies exactly what would be reviewed. Two fingerprints are equal when the changed files, their modes and their
/// contents are equal; times and the location of the work tree have no effect.
///
/// It also remembers the content hash, size and times of each file, which makes the next fingerprint cheap. Equality
/// compares the hash only. `Display` writes the hash, 64 hexadecimal digits.
#[derive(Clone, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase", into = "StoredFingerprint", try_from = "StoredFingerprint")
)]
pub struct Fingerprint {
    hash: String,
    files: HashMap<String, KnownFile>,
    taken: i64,
    read: usize,
}

/// The state of a file when it was last read.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct KnownFile {
    size: u64,
    modified: (i64, u32),
    changed: (i64, u32),
    inode: u64,
    /// The id of the stored version that it was compared with.
    old: Option<String>,
    /// The hash of the content; `None` when it is equal to the stored version.
    content: Option<String>,
}

impl Fingerprint {
    /// The hash, 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.hash
    }

    /// The number of files that were read; the others were known from the previous fingerprint.
    #[must_use]
    pub fn files_read(&self) -> usize {
        self.read
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Fingerprint {}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hash)
    }
}

/// Options for [`fingerprint()`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FingerprintOptions<'a> {
    /// An earlier fingerprint of the same work tree: files that have not changed since are not read again. Default: none.
    pub previous: Option<&'a Fingerprint>,
    /// Stops the call from another thread. Default: a token that no caller holds.
    pub cancel: CancelToken,
}

impl<'a> FingerprintOptions<'a> {
    /// No earlier fingerprint, and no way to stop the call.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an earlier fingerprint of the same work tree; there is none by default.
    #[must_use]
    pub fn previous(mut self, previous: &'a Fingerprint) -> Self {
        self.previous = Some(previous);
        self
    }

    /// Sets the token that stops the call; by default the call cannot be stopped.
    #[must_use]
    pub fn cancel(mut self, cancel: CancelToken) -> Self {
        self.cancel = cancel;
        self
    }
}

/// Computes the fingerprint of a target.
///
/// Files of the work tree over 64 MiB are identified by size and times instead of content, a submodule by its commit and
/// by whether its tracked files are changed, a repository inside the work tree by its path only.
///
/// # Errors
/// As for [`measure`](crate::measure()). A file that cannot be read is not an error; it is part of the fingerprint as
/// unreadable.
pub fn fingerprint(target: &Target, options: &FingerprintOptions<'_>) -> Result<Fingerprint, Error> {
    let FingerprintOptions { previous, cancel } = options;
    cancel.check()?;
    let repo = target.repository.to_thread_local();
    let taken = now();
    let mut found = Fingerprint { hash: String::new(), files: HashMap::new(), taken, read: 0 };
    let mut hash = Hash::new("codex-review-target fingerprint 1");
    hash.part(target.mode().as_bytes());
    match &target.kind {
        TargetKind::Branch { merge_base, .. } => {
            let head = target.head.expect("a branch target has a HEAD commit");
            hash.part(Target::tree_of(&repo, *merge_base)?.as_slice());
            hash.part(Target::tree_of(&repo, head)?.as_slice());
        }
        TargetKind::Commit { id, parent, .. } => {
            if let Some(parent) = parent {
                hash.part(Target::tree_of(&repo, *parent)?.as_slice());
            }
            hash.part(Target::tree_of(&repo, *id)?.as_slice());
        }
        TargetKind::WorkingTree => {
            let scan = target.scan(&repo, cancel)?;
            let mut reader = Reader::new(target, scan.index.as_ref(), cancel)?;
            for item in &scan.items {
                cancel.check()?;
                add(&mut hash, &mut reader, item, *previous, &mut found)?;
            }
        }
    }
    found.hash = hash.finish()?;
    Ok(found)
}

fn add(
    hash: &mut Hash,
    reader: &mut Reader<'_>,
    item: &Item,
    previous: Option<&Fingerprint>,
    found: &mut Fingerprint,
) -> Result<(), Error> {
    let new = match &item.new {
        None => "gone".to_owned(),
        Some(New::Stored(new)) => stored(*new),
        Some(New::Submodule(checkout)) => format!("submodule {} {}", checkout.head, checkout.dirty),
        Some(New::Nested) => "repository".to_owned(),
        Some(New::Special) => "special".to_owned(),
        Some(New::File { mode, stat }) => {
            let mut mode = *mode;
            let stat = stat.map_or_else(|| reader.stat(item.path.as_ref()), Ok);
            let content = match stat {
                Ok(stat) => {
                    if item.area == Area::Untracked && mode == Mode::File && stat.executable {
                        mode = Mode::Executable;
                    }
                    content(reader, item, mode, &stat, previous, found)?
                }
                Err(why) => Some(format!("unread {why}")),
            };
            match content {
                Some(content) => format!("{} {content}", mode.octal()),
                None => return Ok(()), // Equal to the index.
            }
        }
    };
    hash.part(item.area.as_str().as_bytes());
    hash.part(item.change.as_str().as_bytes());
    hash.part(&item.path);
    hash.part(item.old.map(stored).unwrap_or_default().as_bytes());
    hash.part(new.as_bytes());
    Ok(())
}

fn stored(stored: Stored) -> String {
    format!("{} {}", stored.mode.octal(), stored.id)
}

/// Hashes the content of a file or the target of a link. Returns `None` when it is equal to the index.
fn content(
    reader: &mut Reader<'_>,
    item: &Item,
    mode: Mode,
    stat: &Stat,
    previous: Option<&Fingerprint>,
    found: &mut Fingerprint,
) -> Result<Option<String>, Error> {
    let key = format!("{} {}", item.area.as_str(), FilePath(item.path.clone()));
    let old = item.old.map(|old| old.id.to_string());
    if let Some(known) = previous.and_then(|previous| previous.still_known(&key, stat, old.as_deref())) {
        found.files.insert(key, known.clone());
        return Ok(known.content.clone());
    }
    found.read += 1;
    let content = if !reader.differs(item)? {
        None
    } else if mode == Mode::Link {
        let target = reader.directory().read_link(&item.path);
        Some(target.map_or_else(|_| "unread".to_owned(), |target| hash_of(&target)))
    } else if stat.size > HASHED_BYTES {
        Some(format!("large {} {:?} {:?} {}", stat.size, stat.modified, stat.changed, stat.inode))
    } else {
        Some(match reader.directory().read_file(&item.path, HASHED_BYTES) {
            Ok((content, _)) => hash_of(&content),
            Err(error) => format!("unread {}", unread(error)),
        })
    };
    let Stat { size, modified, changed, inode, .. } = *stat;
    found.files.insert(key, KnownFile { size, modified, changed, inode, old, content: content.clone() });
    Ok(content)
}

impl Fingerprint {
    fn still_known(&self, key: &str, stat: &Stat, old: Option<&str>) -> Option<&KnownFile> {
        let known = self.files.get(key)?;
        let same = known.size == stat.size
            && known.modified == stat.modified
            && known.changed == stat.changed
            && known.inode == stat.inode
            && known.old.as_deref() == old;
        let settled = self.taken.saturating_sub(SETTLED_SECONDS);
        (same && stat.modified.0 < settled && stat.changed.0 < settled).then_some(known)
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn hash_of(content: &[u8]) -> String {
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha256);
    hasher.update(content);
    hasher.try_finalize().map_or_else(|_| String::new(), |id| id.to_string())
}

/// A hash over length-prefixed parts, so that two different lists of parts never have the same input.
struct Hash(gix::hash::Hasher);

impl Hash {
    fn new(name: &str) -> Self {
        let mut hash = Self(gix::hash::hasher(gix::hash::Kind::Sha256));
        hash.part(name.as_bytes());
        hash
    }

    fn part(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn finish(self) -> Result<String, Error> {
        let id = self.0.try_finalize().map_err(|e| Error::git("hash what would be reviewed", e))?;
        Ok(id.to_string())
    }
}

/// The serialised form of a fingerprint, version 1.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
struct StoredFingerprint {
    version: u32,
    hash: String,
    taken: i64,
    files: HashMap<String, KnownFile>,
}

#[cfg(feature = "serde")]
impl From<Fingerprint> for StoredFingerprint {
    fn from(from: Fingerprint) -> Self {
        Self { version: 1, hash: from.hash, taken: from.taken, files: from.files }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<StoredFingerprint> for Fingerprint {
    type Error = String;

    fn try_from(from: StoredFingerprint) -> Result<Self, Self::Error> {
        if from.version != 1 {
            return Err(format!(
                "fingerprint version {} is not supported; this program supports version 1",
                from.version
            ));
        }
        Ok(Self { hash: from.hash, files: from.files, taken: from.taken, read: 0 })
    }
}

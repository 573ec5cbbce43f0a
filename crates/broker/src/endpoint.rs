//! Where a broker is found, and whose it is.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use codex_base::files::ensure_private_directory;
use sha2::{Digest, Sha256};

/// Longer paths than this are refused by some system as the address of a socket (104 bytes with the final zero on macOS and
/// the BSDs, 108 on Linux).
const MAX_SOCKET_PATH: usize = 100;

/// What a broker is for: one runs for each of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The workspace; canonical.
    pub workspace: &'a Path,
    /// The server's home, where its login and configuration are; canonical.
    pub home: &'a Path,
    /// The server's program; canonical.
    pub program: &'a Path,
}

impl Identity<'_> {
    /// Sixteen hexadecimal digits that stand for it.
    pub fn key(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.workspace, self.home, self.program] {
            let bytes = part.as_os_str().as_encoded_bytes();
            // The length keeps ("ab", "c") from being ("a", "bc").
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        let digest = hash.finalize();
        digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Where a broker listens, and the folder with its lock and its log.
///
/// Shown as `unix:PATH` or `pipe:NAME`, which [`Endpoint::parse`] reads back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    folder: Option<PathBuf>,
    address: Address,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Unix(PathBuf),
    Pipe(String),
}

impl Endpoint {
    /// The endpoint of the broker for `identity`: a folder of its own under `root`.
    ///
    /// On Unix its socket stands in that folder, or, when its path would be longer than the system takes, in a folder under
    /// `short_root` (the system's folder for temporary files, say). On Windows it is a named pipe. Nothing is created.
    pub fn locate(root: &Path, short_root: &Path, identity: Identity<'_>) -> Self {
        let key = identity.key();
        let folder = root.join(&key);
        let address = if cfg!(windows) {
            Address::Pipe(format!(r"\\.\pipe\codex-broker-{key}"))
        } else {
            let socket = folder.join("socket");
            let short = socket.as_os_str().len() <= MAX_SOCKET_PATH;
            let elsewhere = || short_root.join(format!("codex-broker-{key}")).join("socket");
            Address::Unix(if short { socket } else { elsewhere() })
        };
        Self { folder: Some(folder), address }
    }

    /// The endpoint of a broker that runs already, from its text. It can be connected to, not started.
    pub fn parse(text: &str) -> Option<Self> {
        let address = match text.split_once(':')? {
            ("unix", path) => Address::Unix(path.into()),
            ("pipe", name) => Address::Pipe(name.into()),
            _ => return None,
        };
        Some(Self { folder: None, address })
    }

    /// The folder with the lock and the log, if the endpoint was [located](Self::locate).
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The broker's log, as far as its folder is known.
    pub fn log(&self) -> Option<PathBuf> {
        self.folder().map(|folder| folder.join("broker.log"))
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Makes the folders of the endpoint, for this user alone.
    pub(crate) fn prepare(&self) -> io::Result<&Path> {
        let folder = self.folder().ok_or_else(|| io::Error::other("the endpoint has no folder"))?;
        ensure_private_directory(folder)?;
        if let Address::Unix(socket) = &self.address
            && let Some(parent) = socket.parent()
            && parent != folder
        {
            ensure_private_directory(parent)?;
        }
        Ok(folder)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Pipe(name) => write!(f, "pipe:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_makes_another_broker() {
        let key = |parts: [&str; 3]| {
            let [workspace, home, program] = parts.map(Path::new);
            Identity { workspace, home, program }.key()
        };
        let all = [
            ["/w", "/h", "/p"],
            ["/w/", "h", "/p"],
            ["/w", "/h/", "p"],
            ["/x", "/h", "/p"],
            ["/w", "/h", "/q"],
        ];
        let mut keys: Vec<String> = all.map(key).to_vec();
        assert!(keys.iter().all(|key| key.len() == 16));
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), all.len());
        // It must be the same for every version that may run at the same time.
        assert_eq!(key(["/w", "/h", "/p"]), "fcd68f1ff6c1b2fb");
    }

    #[cfg(unix)]
    #[test]
    fn a_long_path_leads_elsewhere() {
        let identity = Identity { workspace: "/w".as_ref(), home: "/h".as_ref(), program: "/p".as_ref() };
        let near = Endpoint::locate("/state".as_ref(), "/s".as_ref(), identity);
        assert_eq!(near.to_string(), format!("unix:/state/{}/socket", identity.key()));
        let long = format!("/{}", "x".repeat(200));
        let far = Endpoint::locate(long.as_ref(), "/s".as_ref(), identity);
        assert_eq!(far.to_string(), format!("unix:/s/codex-broker-{}/socket", identity.key()));
        assert_eq!(far.folder(), Some(Path::new(&long).join(identity.key()).as_path()));
        let parsed = Endpoint::parse(&far.to_string()).unwrap();
        assert_eq!((parsed.to_string(), parsed.folder()), (far.to_string(), None));
        assert_eq!(Endpoint::parse("tcp:1"), None);
    }
}

//! The endpoint of a broker, and its identity.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use codex_base::files::ensure_private_directory;
use sha2::{Digest, Sha256};

/// The longest path of a socket that all systems accept (104 bytes with the final zero on macOS and the BSDs, 108 on Linux).
const MAX_SOCKET_PATH: usize = 100;

/// The identity of a broker: one broker runs for each. Exhaustive on purpose: another part would make other brokers.
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
    /// Sixteen hexadecimal digits that identify it.
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

/// Where a broker listens, and the directory of its lock and its log.
///
/// `Display` writes `unix:PATH` or `pipe:NAME`, which [`Endpoint::parse`] accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    directory: Option<PathBuf>,
    address: Address,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Unix(PathBuf),
    Pipe(String),
}

impl Endpoint {
    /// Returns the endpoint of the broker for `identity`, with its own directory under `root`.
    ///
    /// On Unix its socket is in that directory, or in a directory under `short_root` (for example the system's directory for
    /// temporary files) when the path would be too long for the system. On Windows it is a named pipe. Creates nothing.
    pub fn locate(root: &Path, short_root: &Path, identity: Identity<'_>) -> Self {
        let key = identity.key();
        let directory = root.join(&key);
        let address = if cfg!(windows) {
            Address::Pipe(format!(r"\\.\pipe\codex-broker-{key}"))
        } else {
            let socket = directory.join("socket");
            let short = socket.as_os_str().len() <= MAX_SOCKET_PATH;
            let elsewhere = || short_root.join(format!("codex-broker-{key}")).join("socket");
            Address::Unix(if short { socket } else { elsewhere() })
        };
        Self { directory: Some(directory), address }
    }

    /// Parses the text of an endpoint. A client can connect to such an endpoint, but not start a broker there.
    pub fn parse(text: &str) -> Option<Self> {
        let address = match text.split_once(':')? {
            ("unix", path) => Address::Unix(path.into()),
            ("pipe", name) => Address::Pipe(name.into()),
            _ => return None,
        };
        Some(Self { directory: None, address })
    }

    /// The directory of the lock and the log, if the endpoint was [located](Self::locate).
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// The broker's log, if its directory is known.
    pub fn log(&self) -> Option<PathBuf> {
        self.directory().map(|directory| directory.join("broker.log"))
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Creates the directories of the endpoint, for this user only.
    pub(crate) fn prepare(&self) -> io::Result<&Path> {
        let directory = self.directory().ok_or_else(|| io::Error::other("the endpoint has no directory"))?;
        ensure_private_directory(directory)?;
        if let Address::Unix(socket) = &self.address
            && let Some(parent) = socket.parent()
            && parent != directory
        {
            ensure_private_directory(parent)?;
        }
        Ok(directory)
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
    fn each_part_of_the_identity_makes_another_broker() {
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
        // Versions that run concurrently must agree on the key.
        assert_eq!(key(["/w", "/h", "/p"]), "fcd68f1ff6c1b2fb");
    }

    #[cfg(unix)]
    #[test]
    fn a_long_path_uses_the_short_root() {
        let identity = Identity { workspace: "/w".as_ref(), home: "/h".as_ref(), program: "/p".as_ref() };
        let near = Endpoint::locate("/state".as_ref(), "/s".as_ref(), identity);
        assert_eq!(near.to_string(), format!("unix:/state/{}/socket", identity.key()));
        let long = format!("/{}", "x".repeat(200));
        let far = Endpoint::locate(long.as_ref(), "/s".as_ref(), identity);
        assert_eq!(far.to_string(), format!("unix:/s/codex-broker-{}/socket", identity.key()));
        assert_eq!(far.directory(), Some(Path::new(&long).join(identity.key()).as_path()));
        let parsed = Endpoint::parse(&far.to_string()).unwrap();
        assert_eq!((parsed.to_string(), parsed.directory()), (far.to_string(), None));
        assert_eq!(Endpoint::parse("tcp:1"), None);
    }
}

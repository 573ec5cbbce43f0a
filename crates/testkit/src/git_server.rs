//! A git server on loopback: a repository as programs find one on the network, at an `http://` address.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use crate::git;

/// Serves the repositories below a folder, by git's own `http-backend`, for reading only.
#[derive(Debug)]
#[must_use = "dropping the server stops it"]
pub struct GitServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    stopped: AtomicBool,
    requests: AtomicUsize,
}

impl GitServer {
    /// Serves what is below `root`.
    ///
    /// # Panics
    ///
    /// When no socket can be bound.
    pub fn start(root: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (stopped, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
        let shared = Arc::new(Shared { root: root.to_owned(), stopped, requests });
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for stream in listener.incoming().flatten() {
                    if shared.stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    shared.requests.fetch_add(1, Ordering::SeqCst);
                    // One after the other; a client that goes away is none of our business.
                    drop(answer(stream, &shared.root));
                }
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    /// The address of a repository: `path` is where it is below the root.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// How many requests came so far.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes it.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// One request and its answer, as CGI has it; the connection ends with it.
fn answer(mut stream: TcpStream, root: &Path) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut backend = git::command(root);
    backend.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    backend.env("REQUEST_METHOD", method).env("PATH_INFO", path).env("QUERY_STRING", query);
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        let (name, value) = header.trim().split_once(": ").unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "content-type" => drop(backend.env("CONTENT_TYPE", value)),
            "content-encoding" => drop(backend.env("HTTP_CONTENT_ENCODING", value)),
            "git-protocol" => drop(backend.env("GIT_PROTOCOL", value)),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    backend.env("CONTENT_LENGTH", length.to_string());
    let mut child = backend.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may not want all of it.
        drop(stdin.write_all(&body));
    }
    let output = child.wait_with_output()?.stdout;
    let status = output.strip_prefix(b"Status: ").and_then(|rest| rest.split(|byte| *byte == b'\r').next());
    let status = status.map_or("200 OK".into(), String::from_utf8_lossy);
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n")?;
    stream.write_all(&output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_cloned() {
        let repo = git::Repo::with_commit();
        let server = GitServer::start(repo.path());
        let folder = tempfile::tempdir().unwrap();
        let clone = |path: &str| {
            let url = server.url(path);
            git::command(folder.path()).args(["clone", "--depth=1", &url, "clone"]).output().unwrap()
        };
        let output = clone(".git");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(std::fs::read_to_string(folder.path().join("clone/a.txt")).unwrap(), "one\n");
        std::fs::remove_dir_all(folder.path().join("clone")).unwrap();
        assert!(!clone("nothing.git").status.success());
        assert!(server.requests() >= 3);
    }
}

//! Where a call works: inside the client's roots, or without any, inside the directory that the server was started in.

use std::path::{Path, PathBuf};
use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::Duration;

use codex_companion_core::{Error, Result};
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use tokio::sync::Mutex;

use crate::calls::cancelled;

/// How long a client may take to list its roots.
const PATIENCE: Duration = Duration::from_secs(5);

/// The directories that calls may work in.
#[derive(Debug)]
pub(crate) struct Workspaces {
    /// Where the server was started, or what `-C` names.
    cwd: PathBuf,
    /// The roots that the client listed, until it reports a change.
    roots: Mutex<Option<Vec<PathBuf>>>,
    /// Where calls have worked: their jobs are found by their ids alone.
    used: StdMutex<Vec<PathBuf>>,
}

impl Workspaces {
    pub(crate) fn new(cwd: &Path) -> Self {
        Self { cwd: real(cwd), roots: Mutex::default(), used: StdMutex::default() }
    }

    /// Discards the roots: the client has others now.
    pub(crate) async fn forget(&self) {
        *self.roots.lock().await = None;
    }

    /// The directory that a call works in.
    pub(crate) async fn choose(
        &self,
        asked: Option<&str>,
        context: &RequestContext<RoleServer>,
    ) -> Result<PathBuf> {
        let roots = self.roots(context).await?;
        let chosen = choose(&self.cwd, &roots, asked)?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if !used.contains(&chosen) {
            used.push(chosen.clone());
        }
        Ok(chosen)
    }

    /// The directories in which a job may be that was named by its id.
    pub(crate) async fn all(
        &self,
        asked: Option<&str>,
        context: &RequestContext<RoleServer>,
    ) -> Result<Vec<PathBuf>> {
        if asked.is_some() {
            return Ok(vec![self.choose(asked, context).await?]);
        }
        let mut directories = self.roots(context).await?;
        if directories.is_empty() {
            directories.push(self.cwd.clone());
        }
        for used in &*self.used.lock().unwrap_or_else(PoisonError::into_inner) {
            if !directories.contains(used) {
                directories.push(used.clone());
            }
        }
        Ok(directories)
    }

    /// Refuses a work tree outside of the client's roots: with write access Codex writes in the whole of it.
    pub(crate) async fn hold(&self, tree: &Path, context: &RequestContext<RoleServer>) -> Result<()> {
        let roots = self.roots(context).await?;
        if roots.is_empty() || roots.iter().any(|root| tree.starts_with(root)) {
            return Ok(());
        }
        let message = format!("the work tree {} is not inside the client's roots", tree.display());
        Err(Error::usage(message).with_hint("open that directory in the client, or call without `write`"))
    }

    /// The client's roots that are directories here; none when it has none.
    #[expect(deprecated, reason = "a later protocol does without roots; the clients of today have them")]
    async fn roots(&self, context: &RequestContext<RoleServer>) -> Result<Vec<PathBuf>> {
        if context.client_capabilities().is_none_or(|client| client.roots.is_none()) {
            return Ok(Vec::new());
        }
        let mut known = self.roots.lock().await;
        if let Some(roots) = &*known {
            return Ok(roots.clone());
        }
        let asked = context.peer.list_roots();
        let answer = tokio::select! {
            answer = tokio::time::timeout(PATIENCE, asked) => answer,
            () = context.ct.cancelled() => return Err(cancelled()),
        };
        // A client that has roots and does not list them is not treated as one without.
        let Ok(Ok(answer)) = answer else {
            return Err(Error::usage("the client has roots and did not list them when it was asked")
                .with_hint("call again"));
        };
        let roots: Vec<PathBuf> = answer.roots.iter().filter_map(|root| directory(&root.uri)).collect();
        if roots.is_empty() && !answer.roots.is_empty() {
            return Err(Error::usage("none of the client's roots is a directory on this machine"));
        }
        *known = Some(roots.clone());
        Ok(roots)
    }
}

fn choose(cwd: &Path, roots: &[PathBuf], asked: Option<&str>) -> Result<PathBuf> {
    let listed = |roots: &[PathBuf]| {
        let names: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
        names.join(", ")
    };
    let bounds = if roots.is_empty() { vec![cwd.to_path_buf()] } else { roots.to_vec() };
    match (asked, &bounds[..]) {
        (Some(asked), bounds) => {
            let base = bounds.first().map_or(cwd, PathBuf::as_path);
            let directory = real(&base.join(asked));
            if !directory.is_dir() {
                return Err(Error::usage(format!("there is no directory {}", directory.display()))
                    .with_hint(format!("name one inside {}", listed(bounds))));
            }
            if bounds.iter().any(|bound| directory.starts_with(bound)) {
                return Ok(directory);
            }
            let (outside, elsewhere) = if roots.is_empty() {
                (
                    "the directory that this server works in",
                    "; `codex-companion mcp -C DIR` starts it elsewhere",
                )
            } else {
                ("the client's roots", "")
            };
            Err(Error::usage(format!("{} is outside of {outside}", directory.display()))
                .with_hint(format!("name a directory inside {}{elsewhere}", listed(bounds))))
        }
        (None, [only]) => Ok(only.clone()),
        (None, bounds) if bounds.iter().any(|bound| cwd.starts_with(bound)) => Ok(cwd.to_path_buf()),
        (None, bounds) => Err(Error::usage("the client has several roots, and this call names none")
            .with_hint(format!("set `workspace` to one of {}", listed(bounds)))),
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

/// The directory that a `file:` address names, when it is one here.
fn directory(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    // The host is empty or this one.
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return None;
    }
    let path = decoded(path)?;
    // file:///C:/Users
    let path = if cfg!(windows) { path.trim_start_matches('/') } else { &path };
    Some(PathBuf::from(path)).and_then(|path| path.canonicalize().ok()).filter(|path| path.is_dir())
}

/// Without `%20` and its like.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let [high, low, tail @ ..] = rest else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_uris_become_directories() {
        let directory_of = |uri: &str| directory(uri);
        let parent = tempfile::tempdir().unwrap();
        let spaced = parent.path().canonicalize().unwrap().join("a b ü");
        std::fs::create_dir(&spaced).unwrap();
        let uri = format!("file://{}", spaced.display()).replace(' ', "%20").replace('ü', "%C3%BC");
        assert_eq!(directory_of(&uri), Some(spaced.clone()));
        assert_eq!(directory_of(&uri.replace("file://", "file://localhost")), Some(spaced));
        for bad in [
            "http://a/b",
            "file://elsewhere/tmp",
            "file:///no/such/directory",
            "file:///%",
            "file:///%zz",
            "/tmp",
            "",
        ] {
            assert_eq!(directory_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_call_works_inside_the_roots() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path().canonicalize().unwrap();
        let [a, b, inner] = ["a", "b", "a/inner"].map(|name| parent.join(name));
        for directory in [&a, &b, &inner] {
            std::fs::create_dir(directory).unwrap();
        }
        let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
        let hint = |error: Error| error.hint().unwrap_or_default().to_owned();
        // Without roots: the directory of the server, and what is inside it.
        assert_eq!(choose(&a, &[], None).unwrap(), a);
        assert_eq!(choose(&a, &[], Some("inner")).unwrap(), inner);
        assert!(hint(choose(&a, &[], Some(&path(&b))).unwrap_err()).contains(&path(&a)));
        assert!(hint(choose(&a, &[], Some("../b")).unwrap_err()).contains("-C DIR"));
        assert!(choose(&a, &[], Some("nothing")).unwrap_err().to_string().contains("no directory"));
        // One root is the workspace, wherever the server was started.
        assert_eq!(choose(&parent, std::slice::from_ref(&b), None).unwrap(), b);
        assert!(choose(&parent, std::slice::from_ref(&b), Some(&path(&a))).is_err());
        // Of several, the one that the server was started in; else one is to be named.
        let both = [a.clone(), b.clone()];
        assert_eq!(choose(&inner, &both, None).unwrap(), inner);
        assert!(hint(choose(&parent, &both, None).unwrap_err()).contains(&path(&b)));
        assert_eq!(choose(&parent, &both, Some(&path(&b))).unwrap(), b);
    }
}

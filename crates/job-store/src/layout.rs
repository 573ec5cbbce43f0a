use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use codex_base::text::identifier;

use crate::JobId;

/// The name of a workspace's folder under the state root: a readable slug, `-`, and the first 16 hexadecimal
/// digits of the SHA-256 of the path's bytes (on Windows: of its UTF-8).
///
/// ```
/// # use std::path::Path;
/// let name = codex_job_store::workspace_folder(Path::new("/home/ada/my project"));
/// assert!(name.starts_with("my-project-"));
/// assert_eq!(name.len(), "my-project-".len() + 16);
/// ```
pub fn workspace_folder(workspace: &Path) -> String {
    use std::fmt::Write;

    let file_name = workspace.file_name().unwrap_or_default().to_string_lossy();
    let mut name = match identifier(&file_name, SLUG_LENGTH) {
        empty if empty.is_empty() => "workspace".to_owned(),
        slug => slug,
    };
    name.push('-');
    #[cfg(unix)]
    let hash = Sha256::digest(std::os::unix::ffi::OsStrExt::as_bytes(workspace.as_os_str()));
    #[cfg(not(unix))]
    let hash = Sha256::digest(workspace.to_string_lossy().as_bytes());
    for byte in &hash[..8] {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

const SLUG_LENGTH: usize = 64;

/// Where everything of one workspace lies.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) folder: PathBuf,
    pub(crate) jobs: PathBuf,
    pub(crate) state: PathBuf,
    pub(crate) config: PathBuf,
    pub(crate) lock: PathBuf,
    pub(crate) workspace: String,
}

impl Layout {
    pub(crate) fn new(state_root: &Path, workspace: &Path) -> Self {
        let folder = state_root.join(workspace_folder(workspace));
        Layout {
            jobs: folder.join("jobs"),
            state: folder.join("state.json"),
            config: folder.join("config.json"),
            lock: folder.join("state.lock"),
            workspace: workspace.to_string_lossy().into_owned(),
            folder,
        }
    }

    fn file(&self, id: &JobId, extension: &str) -> PathBuf {
        self.jobs.join(format!("{id}.{extension}"))
    }

    pub(crate) fn record(&self, id: &JobId) -> PathBuf {
        self.file(id, "json")
    }

    pub(crate) fn removed(&self, id: &JobId) -> PathBuf {
        self.file(id, "removed")
    }

    pub(crate) fn lease(&self, id: &JobId) -> PathBuf {
        self.file(id, "lease")
    }

    pub(crate) fn cancel(&self, id: &JobId) -> PathBuf {
        self.file(id, "cancel")
    }

    pub(crate) fn log(&self, id: &JobId) -> PathBuf {
        self.file(id, "log")
    }

    pub(crate) fn old_log(&self, id: &JobId) -> PathBuf {
        self.file(id, "log.1")
    }
}

/// What lies in `jobs/`, by job. Names that are not ours are left out, and so left alone.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    pub(crate) jobs: BTreeMap<JobId, Files>,
}

/// The files of one job.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// `<id>.json` is there: the job exists.
    pub(crate) record: bool,
    /// `<id>.removed` is there: the job's removal has begun.
    pub(crate) removed: bool,
    /// `<id>.lease` is there: the job is not known to be finished.
    pub(crate) lease: bool,
    /// `<id>.cancel` or its temp file, or the record's temp file.
    pub(crate) transient: Vec<String>,
    /// Logs and what was moved aside.
    pub(crate) lasting: Vec<String>,
}

impl Folder {
    pub(crate) fn new(names: Vec<String>) -> Self {
        let mut folder = Folder::default();
        for name in names {
            let Some((id, extension)) = name.split_once('.') else { continue };
            let Ok(id) = id.parse::<JobId>() else { continue };
            let known = matches!(
                extension,
                "json"
                    | "removed"
                    | "lease"
                    | "cancel"
                    | "cancel.tmp"
                    | "json.tmp"
                    | "log"
                    | "log.1"
                    | "log.tmp"
            ) || extension.starts_with("json.corrupt-");
            if !known {
                continue;
            }
            let files = folder.jobs.entry(id).or_default();
            match extension {
                "json" => files.record = true,
                "removed" => files.removed = true,
                "lease" => files.lease = true,
                "cancel" | "cancel.tmp" | "json.tmp" | "log.tmp" => files.transient.push(name),
                _ => files.lasting.push(name),
            }
        }
        folder
    }

    /// The jobs that exist, in the order of their ids.
    pub(crate) fn records(&self) -> impl Iterator<Item = &JobId> {
        self.jobs.iter().filter(|(_, files)| files.record).map(|(id, _)| id)
    }

    pub(crate) fn has(&self, id: &JobId) -> bool {
        self.jobs.get(id).is_some_and(|files| files.record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        let check = |name: &str, expected: &str| {
            let folder = workspace_folder(&Path::new("/w").join(name));
            assert_eq!(folder[..folder.len() - 17], *expected);
        };
        check("codex-companion", "codex-companion");
        check("my project (2)", "my-project-2");
        check("...", "...");
        check("日本", "workspace");
        check("a日本b", "a-b");
        check(&"x".repeat(300), &"x".repeat(64));
    }

    #[test]
    fn the_hash_is_of_the_whole_path() {
        // printf %s /w/app | sha256sum
        assert_eq!(workspace_folder(Path::new("/w/app")), "app-ece9371bedcbc113");
        assert_ne!(workspace_folder(Path::new("/w/app")), workspace_folder(Path::new("/v/app")));
        assert!(workspace_folder(Path::new("/")).starts_with("workspace-"));
    }

    #[test]
    fn only_our_names_count() {
        let names =
            ["job-1.json", "job-1.log", "job-1.json.tmp", "notes.txt", "README", "job-2.lease", "UP.json"];
        let folder = Folder::new(names.map(str::to_owned).to_vec());
        assert_eq!(folder.jobs.len(), 2);
        assert_eq!(folder.records().map(JobId::as_str).collect::<Vec<_>>(), ["job-1"]);
        let two: JobId = "job-2".parse().unwrap();
        assert!(folder.jobs[&two].lease && !folder.has(&two));
    }
}

//! Taking over jobs from the directory of the Node plugin `codex-plugin-cc`, whose layout this store's is based on.
//!
//! Its state folder has `state.json` (`{version: 1, config: {stopReviewGate}, jobs: [...]}`, jobs without their
//! results), `jobs/<id>.json` (the same with `request`, `result` and `rendered`), and `jobs/<id>.log`, lines of
//! `[time] text` with free text between them. Source: its `scripts/lib/state.mjs` and `tracked-jobs.mjs`.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::codex::CodexFields;
use crate::config::Config;
use crate::extension::Extension;
use crate::job::{MAX_SUMMARY, Record, Status};
use crate::store::Store;
use crate::view::{Loaded, newest_first};
use crate::{Error, FORMAT_VERSION, JobId, ProcessIdentity, Result};
use codex_base::atomic;
use codex_base::text::one_line;

/// What was taken over.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ImportReport {
    /// The jobs that are in the store now, oldest first.
    pub imported: Vec<JobId>,
    /// What was left out, by its id or file name, and why.
    pub skipped: Vec<(String, String)>,
    /// Whether the settings were taken over: only when this workspace had none.
    pub config: bool,
}

#[derive(Default, Deserialize)]
struct ReferenceState {
    #[serde(default)]
    config: Config,
    #[serde(default)]
    jobs: Vec<Value>,
}

impl Store {
    /// Takes over the finished jobs, logs and settings of a state folder of the Node plugin; the folder stays as
    /// it is. Jobs that are here already are left alone, so this can be repeated. A job that is recorded there as
    /// active is taken over as failed when its process is gone, and left out while there is such a process.
    ///
    /// Imported jobs count as older than all others.
    ///
    /// # Errors
    /// `Removed` when the folder has neither `state.json` nor `jobs`; those of [`create`](Self::create).
    pub fn import_reference(&self, folder: &Path) -> Result<ImportReport> {
        let mut report = ImportReport::default();
        let (config, found) = self.read_reference(folder, &mut report)?;
        let mut records: Vec<Record> = Vec::new();
        for (name, value) in found {
            match self.convert(&value) {
                Ok(record) => records.push(record),
                Err(why) => report.skipped.push((name, why)),
            }
        }
        records.sort_by(|a, b| newest_first(&b.job, &a.job));

        self.create_folders()?;
        let _lock = self.lock()?;
        let mut view = self.view_for_writing()?;
        view.refuse_newer(self)?;
        self.sweep(&view)?;
        for mut record in records {
            let id = record.job.id.clone();
            if view.folder.has(&id) {
                report.skipped.push((id.into(), "it is here already".to_owned()));
                continue;
            }
            let job = &mut record.job;
            job.workspace_root.clone_from(&self.layout().workspace);
            job.log_file = Some(self.log_path(&id).to_string_lossy().into_owned());
            let bytes = match record.to_bytes() {
                Ok(bytes) => bytes,
                Err(error) => {
                    report.skipped.push((id.into(), error.to_string()));
                    continue;
                }
            };
            self.import_log(folder, &id)?;
            atomic::replace(&*self.platform().storage, &self.layout().record(&id), &bytes)?;
            view.jobs.insert(id.clone(), record.job);
            report.imported.push(id);
        }
        if let (Some(config), Loaded::Missing) = (config, self.load_config()?) {
            self.write_config(&config)?;
            report.config = true;
        }
        self.publish(&view);
        Ok(report)
    }

    /// The settings and jobs as they are there; a job's own file says more than the index.
    fn read_reference(
        &self,
        folder: &Path,
        report: &mut ImportReport,
    ) -> Result<(Option<Config>, BTreeMap<String, Value>)> {
        let storage = &*self.platform().storage;
        let jobs = folder.join("jobs");
        let names = match storage.names(&jobs) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            names => Some(names.map_err(|error| Error::io("list", &jobs, error))?),
        };
        let path = folder.join("state.json");
        let state = match storage.read(&path) {
            Ok(bytes) => match serde_json::from_slice::<ReferenceState>(&bytes) {
                Ok(state) => Some(state),
                Err(error) => {
                    report.skipped.push(("state.json".to_owned(), error.to_string()));
                    None
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound && names.is_some() => None,
            Err(error) => return Err(Error::io("read", &path, error)),
        };
        let config = state.as_ref().map(|state| state.config.clone());
        let mut found = BTreeMap::new();
        for job in state.map(|state| state.jobs).unwrap_or_default() {
            if let Some(id) = job.get("id").and_then(Value::as_str) {
                found.insert(id.to_owned(), job);
            }
        }
        for name in names.unwrap_or_default() {
            let Some(id) = name.strip_suffix(".json") else { continue };
            let path = jobs.join(&name);
            let bytes = storage.read(&path).map_err(|error| Error::io("read", &path, error))?;
            match serde_json::from_slice::<Value>(&bytes) {
                Ok(job) => {
                    let indexed = found.remove(id);
                    found.insert(id.to_owned(), merge(indexed, job));
                }
                Err(error) => report.skipped.push((name, error.to_string())),
            }
        }
        Ok((config, found))
    }

    fn convert(&self, value: &Value) -> Result<Record, String> {
        // Through text, since a raw value keeps the bytes of a text.
        let mut record: Record =
            serde_json::from_str(&value.to_string()).map_err(|error| error.to_string())?;
        let job = &mut record.job;
        // Fields that no program of ours reads stay behind, so that they cannot make a job too large.
        job.extension = Extension::of(&job.extension::<CodexFields>().map_err(|error| error.to_string())?);
        if job.is_active() {
            let process = job.pid.map(|pid| ProcessIdentity::new(pid, None));
            // The number alone proves nothing, but it is reason enough to leave the job where it is.
            if process.is_some_and(|process| self.platform().processes.is_alive(&process) != Some(false)) {
                return Err(format!("it is {} there, and a process has its number", job.status));
            }
            job.error_message = Some(format!("it was {} when it was imported, without a worker", job.status));
            job.status = Status::Failed;
            job.phase = Some("failed".to_owned());
        }
        job.version = FORMAT_VERSION;
        job.sequence = 0;
        job.title = one_line(&job.title, MAX_SUMMARY);
        job.summary = one_line(&job.summary, MAX_SUMMARY);
        job.completed_at = job.completed_at.or(Some(job.updated_at));
        job.set_owner(None);
        Ok(record)
    }

    fn import_log(&self, folder: &Path, id: &JobId) -> Result<()> {
        let storage = &*self.platform().storage;
        let source = folder.join("jobs").join(format!("{id}.log"));
        let Ok(bytes) = storage.read(&source) else { return Ok(()) };
        let cap = usize::try_from(self.options().log_cap).unwrap_or(usize::MAX);
        let kept = &bytes[bytes.len().saturating_sub(cap)..];
        Ok(atomic::replace(storage, &self.log_path(id), crate::log::reframe(kept).as_bytes())?)
    }
}

/// The job's file over its entry in the index, but an end that only the index knows is an end.
fn merge(indexed: Option<Value>, file: Value) -> Value {
    let (mut indexed, mut file) = match (indexed, file) {
        (Some(Value::Object(indexed)), Value::Object(file)) => (indexed, file),
        (_, file) => return file,
    };
    let active = |job: &Map<String, Value>| {
        matches!(job.get("status").and_then(Value::as_str), Some("queued" | "running"))
    };
    if active(&file) && !active(&indexed) {
        std::mem::swap(&mut file, &mut indexed);
    }
    indexed.append(&mut file);
    Value::Object(indexed)
}

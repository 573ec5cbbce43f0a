//! Reading the store: the index, corrected in memory with the contents of the job files.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use crate::config::{Config, ConfigFile, Versioned};
use crate::job::{Job, Record};
use crate::layout::Folder;
use crate::store::Store;
use crate::{Error, ErrorKind, FORMAT_VERSION, JobId, Notice, NoticeKind, Result};
use codex_base::atomic;

/// The content of `state.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StateFile<C, J> {
    version: u32,
    #[serde(default)]
    workspace_root: String,
    #[serde(default)]
    sequence: u64,
    #[serde(default)]
    config: C,
    #[serde(default)]
    jobs: J,
}

/// What became of reading `state.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IndexState {
    Good,
    Missing,
    Corrupt,
    /// A newer version's: read as far as it can be, never written.
    Newer,
}

#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) state: IndexState,
    pub(crate) sequence: u64,
    pub(crate) config: Option<Config>,
    pub(crate) jobs: BTreeMap<JobId, Job>,
}

/// What became of reading one job's file.
#[derive(Debug)]
pub(crate) enum Loaded<T> {
    Found(T),
    Missing,
    Corrupt(String),
    Newer,
}

/// All jobs of the store at one moment.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) jobs: BTreeMap<JobId, Job>,
    pub(crate) folder: Folder,
    pub(crate) index: IndexState,
    /// The index says something else than the job files.
    pub(crate) stale: bool,
    pub(crate) sequence: u64,
    pub(crate) config: Option<Config>,
    /// Jobs whose record cannot be understood; `jobs` has what else is known of them.
    pub(crate) damaged: Vec<JobId>,
}

impl View {
    /// The jobs, the one that last was born or ended first.
    pub(crate) fn newest_first(&self) -> Vec<&Job> {
        let mut jobs: Vec<&Job> = self.jobs.values().collect();
        jobs.sort_by(|a, b| newest_first(a, b));
        jobs
    }

    /// A file that was tampered with may say the highest number: then the times decide.
    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.sequence = self.sequence.saturating_add(1);
        self.sequence
    }

    pub(crate) fn refuse_newer(&self, store: &Store) -> Result<()> {
        if self.index == IndexState::Newer { Err(newer(&store.layout().state)) } else { Ok(()) }
    }
}

pub(crate) fn newest_first(a: &Job, b: &Job) -> std::cmp::Ordering {
    let key = |job: &Job| (job.sequence, job.completed_at.unwrap_or(job.updated_at));
    key(b).cmp(&key(a)).then_with(|| b.id.cmp(&a.id))
}

pub(crate) fn newer(path: &std::path::Path) -> Error {
    let message = format!("{} was written by a newer version and is left as it is", path.display());
    Error::new(ErrorKind::NewerFormat, message)
}

impl Store {
    /// Reads everything, without a lock and without changing anything.
    ///
    /// A finished job never changes, so what the index says of one is right for ever, as long as its file is
    /// there. Everything else is asked of the job's own file. Neither depends on a clock.
    pub(crate) fn view(&self) -> Result<View> {
        let index = self.read_index()?;
        let folder = self.read_folder()?;
        let mut view = View {
            jobs: BTreeMap::new(),
            stale: matches!(index.state, IndexState::Missing | IndexState::Corrupt),
            index: index.state,
            sequence: index.sequence,
            config: index.config,
            damaged: Vec::new(),
            folder,
        };
        let mut indexed = index.jobs;
        for id in view.folder.records() {
            let known = indexed.remove(id);
            if let Some(job) = &known
                && job.status.is_final()
            {
                view.jobs.extend(known.map(|job| (id.clone(), job)));
                continue;
            }
            match self.load_job(id)? {
                Loaded::Found(job) => {
                    view.stale |= known.is_none_or(|known| known.status != job.status);
                    view.sequence = view.sequence.max(job.sequence);
                    view.jobs.insert(id.clone(), job);
                }
                // Removed since the folder was read.
                Loaded::Missing => view.stale |= known.is_some(),
                Loaded::Corrupt(why) => {
                    let job = known.unwrap_or_else(|| Job::unreadable(id.clone(), &why));
                    view.damaged.push(id.clone());
                    view.jobs.insert(id.clone(), job);
                }
                Loaded::Newer => {
                    let path = self.layout().record(id);
                    self.notice(Notice::new(NoticeKind::Newer, newer(&path).to_string()));
                    view.jobs.extend(known.map(|job| (id.clone(), job)));
                }
            }
        }
        view.stale |= !indexed.is_empty();
        Ok(view)
    }

    fn read_folder(&self) -> Result<Folder> {
        let folder = &self.layout().jobs;
        match self.platform().storage.names(folder) {
            Ok(names) => Ok(Folder::new(names)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Folder::default()),
            Err(error) => Err(Error::io("list", folder, error)),
        }
    }

    /// The ids of all jobs that have a record.
    pub(crate) fn ids(&self) -> Result<Vec<JobId>> {
        Ok(self.read_folder()?.records().cloned().collect())
    }

    pub(crate) fn read_index(&self) -> Result<Index> {
        let path = &self.layout().state;
        let empty = |state| Index { state, sequence: 0, config: None, jobs: BTreeMap::new() };
        let bytes = match self.platform().storage.read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(empty(IndexState::Missing)),
            Err(error) => return Err(Error::io("read", path, error)),
        };
        let full = |state, file: StateFile<Config, Vec<Job>>| Index {
            state,
            sequence: file.sequence,
            config: Some(file.config),
            jobs: file.jobs.into_iter().map(|job| (job.id.clone(), job)).collect(),
        };
        Ok(match serde_json::from_slice::<StateFile<Config, Vec<Job>>>(&bytes) {
            Ok(file) if file.version > FORMAT_VERSION => full(IndexState::Newer, file),
            Ok(file) if file.version == FORMAT_VERSION => full(IndexState::Good, file),
            _ if Versioned::is_newer(&bytes) => empty(IndexState::Newer),
            // Before our first version the index was no mirror of the records: only its configuration counts.
            _ => match serde_json::from_slice::<StateFile<Config, serde::de::IgnoredAny>>(&bytes) {
                Ok(file) if file.version < FORMAT_VERSION => {
                    Index { config: Some(file.config), ..empty(IndexState::Missing) }
                }
                _ => empty(IndexState::Corrupt),
            },
        })
    }

    /// The copy of the configuration in the index, without reading the jobs.
    pub(crate) fn indexed_config(&self) -> Result<Config> {
        let path = &self.layout().state;
        match self.platform().storage.read(path) {
            Ok(bytes) => Ok(serde_json::from_slice::<StateFile<Config, serde::de::IgnoredAny>>(&bytes)
                .map(|file| file.config)
                .unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Config::default()),
            Err(error) => Err(Error::io("read", path, error)),
        }
    }

    /// Makes the index say what the view says. The lock is held.
    pub(crate) fn write_index(&self, view: &View) -> Result<()> {
        let file = StateFile {
            version: FORMAT_VERSION,
            workspace_root: self.layout().workspace.clone(),
            sequence: view.sequence,
            config: self.config_or(view.config.as_ref())?,
            jobs: view.newest_first(),
        };
        let mut bytes = serde_json::to_vec(&file).map_err(|error| {
            Error::new(ErrorKind::InvalidInput, format!("the index cannot be written as JSON: {error}"))
        })?;
        bytes.push(b'\n');
        Ok(atomic::replace(&*self.platform().storage, &self.layout().state, &bytes)?)
    }

    /// The same when the truth is recorded already: a failure is noted, and a later write repairs it.
    pub(crate) fn publish(&self, view: &View) {
        if view.index == IndexState::Newer {
            return;
        }
        if let Err(error) = self.write_index(view) {
            self.notice(Notice::behind("the index is behind the job files", &error));
        }
    }

    pub(crate) fn load_job(&self, id: &JobId) -> Result<Loaded<Job>> {
        self.load(id, |job: &Job| job)
    }

    pub(crate) fn load_record(&self, id: &JobId) -> Result<Loaded<Record>> {
        self.load(id, |record: &Record| &record.job)
    }

    fn load<T: for<'de> Deserialize<'de>>(&self, id: &JobId, job: impl Fn(&T) -> &Job) -> Result<Loaded<T>> {
        let path = self.layout().record(id);
        let bytes = match self.platform().storage.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Loaded::Missing),
            Err(error) => return Err(Error::io("read", &path, error)),
        };
        Ok(match serde_json::from_slice::<T>(&bytes) {
            Ok(value) if job(&value).id == *id => Loaded::Found(value),
            Ok(value) => {
                Loaded::Corrupt(format!("the record {} is that of job {}", path.display(), job(&value).id))
            }
            Err(_) if Versioned::is_newer(&bytes) => Loaded::Newer,
            Err(error) => Loaded::Corrupt(format!("the record {} is corrupt: {error}", path.display())),
        })
    }

    /// The configuration as `config.json` has it; if it cannot be read, as the index has it.
    pub(crate) fn config_or(&self, copy: Option<&Config>) -> Result<Config> {
        match self.load_config()? {
            Loaded::Found(file) => Ok(file.config),
            Loaded::Missing | Loaded::Corrupt(_) | Loaded::Newer => Ok(copy.cloned().unwrap_or_default()),
        }
    }

    pub(crate) fn load_config(&self) -> Result<Loaded<ConfigFile>> {
        let path = &self.layout().config;
        let bytes = match self.platform().storage.read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Loaded::Missing),
            Err(error) => return Err(Error::io("read", path, error)),
        };
        Ok(match serde_json::from_slice(&bytes) {
            Ok(file) => Loaded::Found(file),
            Err(_) if Versioned::is_newer(&bytes) => Loaded::Newer,
            Err(error) => Loaded::Corrupt(error.to_string()),
        })
    }
}

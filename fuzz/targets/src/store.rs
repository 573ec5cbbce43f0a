//! Files of the job store: whatever stands in one of them, the others lose nothing, and it is kept.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use codex_job_store::testing::{Disk, Platform, Storage};
use codex_job_store::{
    ErrorKind, Filter, Job, JobId, JobOutcome, LogLine, LogReader, NewJob, Record, Status, Store,
    StoreOptions,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use tempfile::TempDir;

/// The job whose record and log are the data's.
const FUZZED: &str = "job-fuzzed";

/// The contents of `state.json`, of a job's record, of `config.json` and of that job's log, with a byte 0xff between them. A
/// content that is empty is what the store itself has written, or none.
///
/// # Panics
/// When a sound job or setting is lost or hidden, damaged bytes are not kept, the index is not what the records say, or the
/// store does not go on.
pub fn store(data: &[u8]) {
    let mut contents = data.splitn(4, |byte| *byte == 0xff);
    let [state, record, config, log] = [(); 4].map(|()| contents.next().unwrap_or_default());
    let home = TEMPLATE.with(Home::copy_of);
    for (name, content) in [("state.json", state), ("config.json", config), ("jobs/job-fuzzed.json", record)]
    {
        if !content.is_empty() {
            home.write(name, content);
        }
    }
    home.write("jobs/job-fuzzed.log", log);
    logs(&home, log);
    home.is_whole("at first");
    if !record.is_empty() && !is_newer(record) && !is_json(state) {
        assert!(ids(&home.list()).contains(&FUZZED), "a damaged job is not in sight");
    }
    configuration(&home, state, config);
    let look = home.store().snapshot(&Filter::all()).expect("a look tells of all that can be told of");
    home.is_whole("after a look");
    assert_eq!(ids(&look.jobs), ids(&home.list()), "what the look said is there");
    index(&home, state, record);
    damaged(&home, state, record);
    goes_on(&home);
}

thread_local! {
    /// The store that every run begins with a copy of.
    static TEMPLATE: Home = Home::made();
}

/// In memory, where the system has a folder for that.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder can be made")
}

struct Home {
    root: TempDir,
    done: Option<Record>,
    queued: Option<Job>,
}

impl Home {
    /// A store with one job that has ended, one that waits, and a setting.
    fn made() -> Self {
        let mut home = Self { root: folder(), done: None, queued: None };
        let store = home.store();
        let new = |title| NewJob::new("task", "task", title);
        let done = store.create(new("done")).expect("an empty folder takes a job");
        let lease = store.lease(&done.id).expect("nobody has it");
        lease.finish(&JobOutcome::completed().rendered("an hour's work")).expect("it is leased");
        home.done = Some(store.recorded_record(&done.id).expect("it has ended"));
        home.queued = Some(store.create(new("queued")).expect("there is room"));
        store.set_config(|config| config.stop_review_gate = true).expect("the folder is there");
        home
    }

    fn copy_of(from: &Self) -> Self {
        let home = Self { root: folder(), done: from.done.clone(), queued: from.queued.clone() };
        for folder in [PathBuf::new(), PathBuf::from("jobs")] {
            fs::create_dir_all(home.path(&folder)).expect("the folder is new");
            for entry in fs::read_dir(from.path(&folder)).expect("the template is there") {
                let entry = entry.expect("the template stays");
                if entry.path().is_file() {
                    fs::copy(entry.path(), home.path(&folder).join(entry.file_name()))
                        .expect("both are there");
                }
            }
        }
        home
    }

    fn store(&self) -> Store {
        let options = StoreOptions::new().platform(Platform::new().storage(Arc::new(Unsynced)));
        Store::open(&self.root.path().join("state"), Path::new("/w/app"), options)
            .expect("the paths are absolute")
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.store().folder().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path(name), content).expect("the folder is there");
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("the file is there")
    }

    fn list(&self) -> Vec<Job> {
        self.store().recorded(&Filter::all()).expect("what is damaged is no failure")
    }

    /// Whether these bytes are kept in a file beside `name`.
    fn keeps(&self, name: &str, content: &[u8]) -> bool {
        let path = self.path(name);
        let (folder, name) =
            (path.parent().expect("a file is in a folder"), name.rsplit('/').next().unwrap_or(name));
        let aside = format!("{name}.corrupt-");
        let entries =
            fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it stays"));
        let names = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&aside));
        names.into_iter().any(|entry| fs::read(entry.path()).is_ok_and(|kept| kept == content))
    }

    /// Whether the sound jobs are there with all that they had.
    fn is_whole(&self, when: &str) {
        let (done, queued) =
            (self.done.as_ref().expect("a copy has it"), self.queued.as_ref().expect("a copy has it"));
        let listed = self.list();
        for id in [&done.job.id, &queued.id] {
            assert_eq!(listed.iter().filter(|job| job.id == *id).count(), 1, "{id} {when}");
        }
        let record = self.store().recorded_record(&done.job.id).expect("its file was not touched");
        assert_eq!((&record.job, &record.rendered), (&done.job, &done.rendered), "{when}");
    }
}

fn ids(jobs: &[Job]) -> Vec<&str> {
    let mut ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
    ids.sort_unstable();
    ids
}

/// Whether it has the form of JSON; in texts that nobody reads, bytes that are no text are let pass.
fn is_json(content: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(content).is_ok()
}

/// What the file says of its version, if it says anything.
fn version(content: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    serde_json::from_slice::<Versioned>(content).ok().map(|file| file.version)
}

fn is_newer(content: &[u8]) -> bool {
    version(content).is_some_and(|version| version > u64::from(codex_job_store::FORMAT_VERSION))
}

/// The index says what the records say, unless it was one that could be believed.
fn index(home: &Home, state: &[u8], record: &[u8]) {
    let listed = home.list();
    if is_newer(state) {
        assert!(
            version(state) > Some(u64::from(u32::MAX)) || home.read("state.json") == state,
            "a newer index is not ours"
        );
        return;
    }
    if !state.is_empty() && !is_json(state) {
        assert!(home.keeps("state.json", state), "the torn index is kept");
    }
    let index = home.read("state.json");
    assert!(is_json(&index), "the index is whole");
    fs::remove_file(home.path("state.json")).expect("it was just read");
    if state.is_empty() || !is_json(state) {
        assert_eq!(home.list(), listed, "the index says what the records say");
    } else if !is_newer(record) {
        assert_eq!(ids(&home.list()), ids(&listed));
    }
    home.write("state.json", &index);
}

/// A record that cannot be read is kept, and its job stays in sight; one that can be read is listed as it is.
fn damaged(home: &Home, state: &[u8], record: &[u8]) {
    // An index that is JSON may say anything of the job.
    if record.is_empty() || is_json(state) {
        return;
    }
    let listed = home.list();
    let job = listed.iter().find(|job| job.id.as_str() == FUZZED);
    // Without what is large: who lists jobs does not read that.
    let sound = serde_json::from_slice::<Job>(record).ok().filter(|job| job.id.as_str() == FUZZED);
    match (sound, job) {
        (Some(sound), Some(job)) if sound.status.is_final() => assert_eq!(*job, sound),
        (Some(sound), Some(job)) => {
            // It has no worker: it is as it was, or was found dead.
            assert!(
                job.status == sound.status || matches!(job.status, Status::Failed | Status::Cancelled),
                "{job:?}"
            );
            assert_eq!((&job.title, job.codex()), (&sound.title, sound.codex()));
        }
        (None, None) => assert!(is_newer(record), "a damaged job is not in sight"),
        (None, Some(job)) => {
            assert_eq!(job.status, Status::Failed);
            assert!(home.keeps("jobs/job-fuzzed.json", record), "its bytes are not kept");
        }
        (Some(sound), None) => panic!("a sound job is not in sight: {sound:?}"),
    }
}

/// The setting is what the file says; if that is no JSON, it stays as it was, and the file is kept.
fn configuration(home: &Home, state: &[u8], config: &[u8]) {
    let read = home.store().config().expect("what is damaged is no failure");
    let value = std::str::from_utf8(config).ok().and_then(crate::json::unambiguous);
    if config.is_empty() {
        assert!(read.stop_review_gate, "as it was set");
    } else if let Some(Value::Object(object)) = value {
        let typed = object
            .get("version")
            .and_then(Value::as_u64)
            .is_some_and(|version| u32::try_from(version).is_ok());
        if let (true, Some(gate)) = (typed, object.get("stopReviewGate").and_then(Value::as_bool)) {
            assert_eq!(read.stop_review_gate, gate);
            assert_eq!(home.read("config.json"), config, "reading changes nothing");
        }
    } else if !is_json(config) {
        assert!(home.keeps("config.json", config) || is_newer(state), "the torn settings are kept");
        assert!(read.stop_review_gate || !state.is_empty(), "the copy in the index counts");
    }
}

/// Every whole line of a log is one line, and its text is what stands there.
fn logs(home: &Home, log: &[u8]) {
    let text = String::from_utf8_lossy(log);
    let mut expected: Vec<&str> = text.split('\n').collect();
    expected.pop();
    let id: JobId = FUZZED.parse().expect("it is an id");
    let store = home.store();
    let lines: Vec<LogLine> = LogReader::open(&store.log_path(&id))
        .expect("the log is there")
        .map(|line| line.expect("the file can be read"))
        .collect();
    assert_eq!(lines.len(), expected.len());
    for (line, expected) in lines.iter().zip(expected) {
        assert!(expected.ends_with(line.text()));
        match line {
            LogLine::Torn(text) => assert_eq!(text, expected),
            LogLine::Body(text) => assert_eq!(format!("| {text}"), expected),
            LogLine::Message { time, text } => {
                assert_eq!(LogLine::parse(&format!("[{time}] {text}")), *line, "{expected}");
                assert!(expected.starts_with('['));
            }
            other => panic!("a new kind of line: {other:?}"),
        }
    }
    let messages: Vec<&LogLine> =
        lines.iter().filter(|line| matches!(line, LogLine::Message { .. })).collect();
    let shown = store.progress(&id, 1000).expect("the file can be read");
    assert!(shown.len() <= messages.len());
    let mut rest = messages.into_iter();
    assert!(shown.iter().all(|line| rest.any(|message| message == line)), "in their order");
    let few = store.progress(&id, 2).expect("the file can be read");
    assert_eq!(few, shown[shown.len().saturating_sub(2)..]);
}

/// The next job is recorded and ends, or a newer version is in charge.
fn goes_on(home: &Home) {
    let store = home.store();
    let job = match store.create(NewJob::new("task", "task", "next")) {
        Ok(job) => job,
        Err(error) => return assert_eq!(error.kind(), ErrorKind::NewerFormat, "{error}"),
    };
    let lease = store.lease(&job.id).expect("nobody has it");
    lease.finish(&JobOutcome::completed()).expect("it is leased");
    let listed = home.list();
    assert!(listed.iter().any(|listed| listed.id == job.id && listed.status == Status::Completed));
    home.is_whole("after the next job");
}

/// The disk, without waiting for it.
#[derive(Debug)]
struct Unsynced;

impl Storage for Unsynced {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        Disk.read(path)
    }
    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        Disk.names(folder)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        Disk.exists(path)
    }
    fn create_directory(&self, folder: &Path) -> io::Result<()> {
        Disk.create_directory(folder)
    }
    fn create_new(&self, path: &Path) -> io::Result<()> {
        Disk.create_new(path)
    }
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<File> {
        Disk.write(path, content)
    }
    fn sync(&self, _path: &Path, _file: &File) -> io::Result<()> {
        Ok(())
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)
    }
    fn sync_directory(&self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        Disk.remove(path)
    }
    fn open_append(&self, path: &Path) -> io::Result<File> {
        Disk.open_append(path)
    }
    fn append(&self, path: &Path, file: &File, bytes: &[u8]) -> io::Result<()> {
        Disk.append(path, file, bytes)
    }
}

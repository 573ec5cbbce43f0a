//! From what the work tree has to what git would store: line ends, encodings, `$Id$`, and clean filters.
//!
//! A clean filter is a program that the user's configuration names, such as git-lfs. Without it a file would look
//! changed that is not, and an encrypted one would be shown in the clear. It is run as git runs it, under a
//! deadline. Repositories that the user does not trust are refused before anything gets here.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use gix::bstr::{BStr, ByteSlice as _};
use gix::command::Context;
use gix::filter::plumbing::{Driver, Pipeline, pipeline::CrlfRoundTripCheck};

use crate::attributes::{Attributes, PathAttributes};
use crate::{CancelToken, Error};

/// How long a clean filter may take for one file.
const DEADLINE: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(20);

pub(crate) struct Filters {
    pipeline: Pipeline,
    drivers: Vec<Driver>,
    context: Context,
    pub(crate) converts_by_default: bool,
}

/// A file of the work tree whose content is to be cleaned.
pub(crate) struct Source<'a> {
    pub(crate) path: &'a BStr,
    pub(crate) attributes: &'a PathAttributes,
    /// What git has stored now, which can decide about line ends.
    pub(crate) stored: Option<gix::ObjectId>,
}

impl Filters {
    pub(crate) fn new(repo: &gix::Repository) -> Result<Self, Error> {
        let failed = |e| Error::git("read the settings of filters", e);
        let mut options = gix::filter::Pipeline::options(repo).map_err(failed)?;
        let drivers = std::mem::take(&mut options.drivers);
        // A warning about line ends is for who commits, and no reason to fail.
        options.crlf_roundtrip_check = CrlfRoundTripCheck::Skip;
        let auto = options.eol_config.auto_crlf;
        let converts_by_default = auto != gix::filter::plumbing::eol::AutoCrlf::default();
        let context = repo.command_context().map_err(failed)?;
        let pipeline = Pipeline::new(context.clone(), repo.object_hash(), options);
        Ok(Self { pipeline, drivers, context, converts_by_default })
    }

    pub(crate) fn driver(&self, attributes: &PathAttributes) -> Option<&Driver> {
        let name = attributes.filter.as_ref()?;
        self.drivers.iter().find(|driver| driver.name == *name)
    }

    /// Whether the file is stored as it is.
    pub(crate) fn leaves_alone(&self, attributes: &PathAttributes) -> bool {
        !attributes.converted && self.driver(attributes).is_none()
    }

    /// What git would store for `content`.
    pub(crate) fn clean(
        &mut self,
        repo: &gix::Repository,
        lookup: &mut Attributes,
        source: &Source<'_>,
        mut content: Vec<u8>,
        cancel: &CancelToken,
    ) -> Result<Vec<u8>, String> {
        let Source { path, attributes, stored } = *source;
        if let Some(driver) = self.driver(attributes) {
            let root = repo.workdir().expect("open refuses repositories without a work tree");
            let place = Place { root, context: &self.context };
            content = run(driver, path, content, &place, cancel)?;
        }
        if !attributes.converted {
            return Ok(content);
        }
        let relative = gix::path::from_bstr(path).map_err(|e| e.to_string())?;
        let outcome = self.pipeline.convert_to_git(
            content.as_slice(),
            &relative,
            &mut |path, out| {
                // It was looked up for this very path a moment ago.
                let _ = lookup.fill(repo, path, out);
            },
            &mut |buffer| match stored.and_then(|id| repo.try_find_object(id).transpose()) {
                Some(object) => {
                    buffer.clear();
                    buffer.extend_from_slice(&object?.data);
                    Ok(Some(()))
                }
                None => Ok(None),
            },
        );
        let mut outcome =
            outcome.map_err(|e| format!("its line ends or encoding cannot be converted: {e}"))?;
        let mut converted = Vec::with_capacity(content.len());
        outcome.read_to_end(&mut converted).map_err(|e| e.to_string())?;
        Ok(converted)
    }
}

/// Where a filter runs.
struct Place<'a> {
    root: &'a Path,
    context: &'a Context,
}

fn run(
    driver: &Driver,
    path: &BStr,
    content: Vec<u8>,
    place: &Place<'_>,
    cancel: &CancelToken,
) -> Result<Vec<u8>, String> {
    let result = match &driver.clean {
        Some(clean) => filtered(clean.as_bstr(), path, &content, place, cancel),
        None if driver.process.is_some() => Err("it only speaks the long-running protocol".to_owned()),
        None => return Ok(content),
    };
    match result {
        Ok(filtered) => Ok(filtered),
        // As git does: a filter that is not required may fail.
        Err(_) if !driver.required && driver.clean.is_some() && !cancel.is_cancelled() => Ok(content),
        Err(reason) => Err(format!("the filter `{}` failed: {reason}", driver.name)),
    }
}

fn filtered(
    clean: &BStr,
    path: &BStr,
    content: &[u8],
    place: &Place<'_>,
    cancel: &CancelToken,
) -> Result<Vec<u8>, String> {
    let line = clean.replace("%f", gix::quote::single(path));
    let line = gix::path::from_byte_slice(&line).map_err(|e| e.to_string())?;
    let prepared =
        gix::command::prepare(line).command_may_be_shell_script().with_context(place.context.clone());
    let mut command = Command::try_from(prepared).map_err(|e| e.to_string())?;
    command.current_dir(place.root).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(|e| e.to_string())?;
    let mut input = child.stdin.take().expect("it was piped");
    let mut output = child.stdout.take().expect("it was piped");
    let content = content.to_owned();
    std::thread::spawn(move || drop(input.write_all(&content)));
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut filtered = Vec::new();
        let read = output.read_to_end(&mut filtered).map(|_| filtered);
        drop(send.send(read));
    });
    let end = Instant::now() + DEADLINE;
    let read = loop {
        match receive.recv_timeout(TICK) {
            Ok(read) => break read.map_err(|e| e.to_string()),
            Err(RecvTimeoutError::Disconnected) => break Err("its output was lost".to_owned()),
            Err(RecvTimeoutError::Timeout) if cancel.is_cancelled() => break Err("stopped".to_owned()),
            Err(RecvTimeoutError::Timeout) if Instant::now() > end => {
                break Err("it took too long".to_owned());
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    };
    if read.is_err() {
        end_group(&mut child);
    }
    let status = wait(&mut child, end)?;
    match read {
        Ok(_) if !status.success() => Err(status.to_string()),
        read => read,
    }
}

fn wait(child: &mut Child, end: Instant) -> Result<std::process::ExitStatus, String> {
    loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Ok(status);
        }
        if Instant::now() > end {
            end_group(child);
            return child.wait().map_err(|e| e.to_string());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn end_group(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // It leads a group of its own, so what it started ends too.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    drop(child.kill());
}

//! Converts the content of a work tree file to the form that git stores: line ends, encodings, `$Id$`, clean filters.
//!
//! A clean filter is a program from the user's configuration, such as git-lfs. Without it, an unchanged file would appear
//! changed, and an encrypted file would be shown in plain text. It is run as git runs it, with a deadline. Repositories
//! that the user does not trust are refused before a filter could run.

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

/// The deadline of a clean filter for one file.
const DEADLINE: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(20);

pub(crate) struct Filters {
    pipeline: Pipeline,
    drivers: Vec<Driver>,
    context: Context,
    pub(crate) converts_by_default: bool,
}

/// A file of the work tree whose content is to be converted.
pub(crate) struct Source<'a> {
    pub(crate) path: &'a BStr,
    pub(crate) attributes: &'a PathAttributes,
    /// The stored version. Its line ends can decide about the conversion.
    pub(crate) stored: Option<gix::ObjectId>,
}

impl Filters {
    pub(crate) fn new(repo: &gix::Repository) -> Result<Self, Error> {
        let failed = |e| Error::git("read the settings of filters", e);
        let mut options = gix::filter::Pipeline::options(repo).map_err(failed)?;
        let drivers = std::mem::take(&mut options.drivers);
        // A round-trip warning matters for commits only; it must not fail the conversion.
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

    /// Whether git stores the file unconverted.
    pub(crate) fn stores_unconverted(&self, attributes: &PathAttributes) -> bool {
        !attributes.converted && self.driver(attributes).is_none()
    }

    /// Converts `content` to the form that git would store.
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
            let context = FilterContext { root, command: &self.context };
            content = run(driver, path, content, &context, cancel)?;
        }
        if !attributes.converted {
            return Ok(content);
        }
        let relative = gix::path::from_bstr(path).map_err(|e| e.to_string())?;
        let outcome = self.pipeline.convert_to_git(
            content.as_slice(),
            &relative,
            &mut |path, out| {
                // An error would have occurred at the earlier lookup of the same path.
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

/// The directory and the environment of a filter.
struct FilterContext<'a> {
    root: &'a Path,
    command: &'a Context,
}

fn run(
    driver: &Driver,
    path: &BStr,
    content: Vec<u8>,
    context: &FilterContext<'_>,
    cancel: &CancelToken,
) -> Result<Vec<u8>, String> {
    let result = match &driver.clean {
        Some(clean) => filtered(clean.as_bstr(), path, &content, context, cancel),
        None if driver.process.is_some() => {
            Err("it only supports the long-running process protocol".to_owned())
        }
        None => return Ok(content),
    };
    match result {
        Ok(filtered) => Ok(filtered),
        // As in git, a failed filter is ignored unless it is required.
        Err(_) if !driver.required && driver.clean.is_some() && !cancel.is_cancelled() => Ok(content),
        Err(reason) => Err(format!("the filter `{}` failed: {reason}", driver.name)),
    }
}

fn filtered(
    clean: &BStr,
    path: &BStr,
    content: &[u8],
    context: &FilterContext<'_>,
    cancel: &CancelToken,
) -> Result<Vec<u8>, String> {
    let line = clean.replace("%f", gix::quote::single(path));
    let line = gix::path::from_byte_slice(&line).map_err(|e| e.to_string())?;
    let prepared =
        gix::command::prepare(line).command_may_be_shell_script().with_context(context.command.clone());
    let mut command = Command::try_from(prepared).map_err(|e| e.to_string())?;
    command.current_dir(context.root).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
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
            Err(RecvTimeoutError::Disconnected) => break Err("reading its output failed".to_owned()),
            Err(RecvTimeoutError::Timeout) if cancel.is_cancelled() => break Err("cancelled".to_owned()),
            Err(RecvTimeoutError::Timeout) if Instant::now() > end => {
                break Err(format!("timed out after {} s", DEADLINE.as_secs()));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    };
    if read.is_err() {
        kill_group(&mut child);
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
            kill_group(child);
            return child.wait().map_err(|e| e.to_string());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn kill_group(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // The filter leads its own process group, so its child processes end too.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    drop(child.kill());
}

//! `mcp`: serves MCP on standard input and output. The server is `codex_companion_mcp`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use codex_companion_mcp::McpServer;

use super::{Answer, App, block_on};
use crate::exit::{Failure, Kind};
use crate::stdio::{Output, read_some};

pub(super) fn run(app: &App) -> Result<Answer, Failure> {
    let app = anchored(app);
    let output = stdout()
        .map_err(|error| Failure::new(Kind::Io, "standard output cannot be used").caused_by(error))?;
    let server = McpServer::new(app.companion(), &app.cwd).codex(app.global.codex.clone());
    let stopped = block_on(async |stop, _| Ok(server.serve(Stdin, Stdout(Output::new(output)), stop).await))?;
    stopped.map_or_else(|| Ok(Answer::done(String::new())), |reason| Err(reason.into()))
}

/// Makes the paths of the codex program absolute: calls work in other directories.
fn anchored(app: &App) -> App {
    let mut app = app.clone();
    let absolute = |codex: &Path| (codex.components().count() > 1).then(|| app.cwd.join(codex));
    let flag = app.global.codex.as_deref().and_then(absolute);
    let variable = app.environment.variables.value("codex").map(Path::new).and_then(absolute);
    if flag.is_some() {
        app.global.codex = flag;
    }
    if let (Some(path), Some(value)) = (variable, app.environment.variables.value_mut("codex")) {
        *value = path.into();
    }
    app
}

/// Standard input, blocking however its descriptor is set.
struct Stdin;

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_some(&mut io::stdin().lock(), buffer)
    }
}

/// Standard output. Fails once its reader is gone.
struct Stdout(Output<File>);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write_bytes(bytes) {
            Ok(()) if !self.0.is_closed() => Ok(bytes.len()),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard output by a descriptor of its own: a write that blocks must not hold the lock that the program's end takes.
fn stdout() -> io::Result<File> {
    #[cfg(unix)]
    let stdout = std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned();
    #[cfg(windows)]
    let stdout = std::os::windows::io::AsHandle::as_handle(&io::stdout()).try_clone_to_owned();
    stdout.map(File::from)
}

//! `cargo measure overhead`: what codex-companion costs on top of Codex itself.

mod background;
mod minimal;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use codex_scripted::home::CodexHome;
use codex_scripted::model::{ModelEndpoint, Reply, Scenario};

use crate::program::{self, Outcome};
use crate::timing::{self, Contestant, Timed};
use crate::workspace::Workspace;
use crate::{codex, startup};
use background::at_once;
use minimal::{Until, Work};

const RUNS: usize = 30;
const THREE_SECONDS: Duration = Duration::from_secs(3);

pub(crate) fn run(runs: Option<&str>) -> Outcome {
    measure(startup::parse_runs(runs, RUNS)?, None)
}

/// Runs few of each, and appends the medians to a file.
pub(crate) fn figures(file: &Path) -> Outcome {
    measure(12, Some(file))
}

fn measure(runs: usize, file: Option<&Path>) -> Outcome {
    let target = Workspace::read()?.target;
    // The native program: behind npm's wrapper both sides would start Node as well, and the ratio would flatter us.
    let codex = codex::install(&target)?.native;
    let companion = startup::companion(&target)?;
    let failed = |error: std::io::Error| format!("the scripted model could not be set up: {error}");
    let endpoint = ModelEndpoint::start(Reply::message("Nothing to do.")).map_err(failed)?;
    let home = CodexHome::new(endpoint.base_url()).map_err(failed)?;
    let repository = repository(&target.join("overhead"))?;

    println!(
        "{runs} interleaved runs, the real Codex {} with a model that answers at once",
        codex::PACKAGE.version
    );
    for work in [Work::Task, Work::Review] {
        let minimal = |until: Until| {
            let (codex, home, repository) = (&codex, &home, &repository);
            Box::new(move || minimal::run(&mut isolated(codex, home), repository, work, until))
        };
        let mut command = isolated(&companion, &home);
        command.args(work.companion_arguments()).arg("--codex").arg(&codex).arg("--cwd").arg(&repository);
        command.args(work.prompt());
        let contestants = vec![
            Contestant {
                name: format!("minimal client, {work}, to the answer"),
                run: minimal(Until::Answer),
            },
            Contestant { name: format!("minimal client, {work}, to Codex's end"), run: minimal(Until::End) },
            Contestant {
                name: format!("codex-companion {work}"),
                run: Box::new(move || run_silently(&mut command)),
            },
        ];
        let timed = timing::interleaved(contestants, runs)?;
        println!("\n{}", timing::table(&timed));
        note(&timed, file)?;
    }
    let slow = ModelEndpoint::start(Scenario::always(Reply::new().pause(THREE_SECONDS).say("Slept well.")))
        .map_err(failed)?;
    let slow_home = CodexHome::new(slow.base_url()).map_err(failed)?;
    let together = |name: &str, home: &CodexHome, count: usize, broker: &str, runs: usize| {
        let command = |words: &[&str]| {
            let mut command = isolated(&companion, home);
            command.args(words).current_dir(&repository);
            command.env("CODEX_COMPANION_CODEX", &codex).env("CODEX_COMPANION_HANDSHAKE_TIMEOUT_MS", "30000");
            command
        };
        let task = ["task", "--background", "--json", "--broker", broker, "Say hello."];
        let run = Box::new(|| at_once(&command, &task, count));
        timing::interleaved(vec![Contestant { name: name.to_owned(), run }], runs)
    };
    let mut timed = together("twenty background tasks", &home, 20, "auto", runs.div_ceil(3))?;
    timed.extend(together("ten background tasks of 3 s, a Codex each", &slow_home, 10, "never", 2)?);
    timed.extend(together("eight background tasks of 3 s, one Codex", &slow_home, 8, "auto", 2)?);
    println!("\n{}", timing::table(&timed));
    note(&timed, file)?;
    slow_home.close().map_err(failed)?;
    home.close().map_err(failed)
}

/// Appends the medians to `file`, for the table.
fn note(timed: &[Timed], file: Option<&Path>) -> Outcome {
    let Some(file) = file else { return Ok(()) };
    let mut text = String::new();
    for timed in timed {
        _ = writeln!(text, "overhead/{}\t{}", timed.name, timed.median.as_secs_f64() * 1e9);
    }
    let mut file = fs::OpenOptions::new().append(true).open(file).map_err(|error| error.to_string())?;
    file.write_all(text.as_bytes()).map_err(|error| error.to_string())
}

/// From before the command's start to after its end, with its streams closed.
fn run_silently(command: &mut Command) -> Outcome<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    program::status(command)?;
    Ok(begun.elapsed())
}

/// A program that sees nothing of the user's: only PATH, and the private homes.
fn isolated(program: &Path, home: &CodexHome) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs(home.env());
    command
}

/// A small repository with one uncommitted change.
fn repository(folder: &Path) -> Outcome<PathBuf> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)?;
    let file = folder.join("lib.rs");
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        let identity =
            ["-c", "user.name=overhead", "-c", "user.email=overhead@localhost", "-c", "commit.gpgsign=false"];
        program::output(command.current_dir(folder).args(identity).args(arguments)).map(drop)
    };
    git(&["init", "--quiet", "--initial-branch=main"])?;
    fs::write(&file, "fn last(all: &[u8]) -> u8 {\n    all[all.len() - 1]\n}\n").map_err(failed)?;
    git(&["add", "."])?;
    git(&["commit", "--quiet", "--message=Begin"])?;
    fs::write(&file, "fn last(all: &[u8]) -> u8 {\n    all[all.len()]\n}\n").map_err(failed)?;
    Ok(folder.to_path_buf())
}

//! `cargo xtask overhead`: what codex-companion costs on top of Codex itself.
//!
//! The measuring needs the scripted model, so it is behind a feature: every other command of xtask must start even
//! when a library of ours does not compile.

#[cfg(not(feature = "overhead"))]
pub(crate) fn run(runs: Option<&str>) -> crate::program::Outcome {
    let mut command = crate::program::cargo();
    command.args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "xtask",
        "--features",
        "overhead",
        "--",
        "overhead",
    ]);
    crate::program::status(command.args(runs.map(|runs| ["--runs", runs]).into_iter().flatten()))
}

#[cfg(feature = "overhead")]
pub(crate) use measure::run;

#[cfg(feature = "overhead")]
mod minimal;

#[cfg(feature = "overhead")]
mod measure {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use codex_rpc::scripted::home::CodexHome;
    use codex_rpc::scripted::model::{ModelEndpoint, Reply};

    use super::minimal::{self, Until, Work};
    use crate::program::{self, Outcome};
    use crate::timing::{self, Contestant};
    use crate::workspace::Workspace;
    use crate::{codex, startup};

    const RUNS: usize = 30;

    pub(crate) fn run(runs: Option<&str>) -> Outcome {
        let runs = startup::parse_runs(runs, RUNS)?;
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
                Contestant {
                    name: format!("minimal client, {work}, to Codex's end"),
                    run: minimal(Until::End),
                },
                Contestant {
                    name: format!("codex-companion {work}"),
                    run: Box::new(move || timing::run_silently(&mut command)),
                },
            ];
            println!("\n{}", timing::table(&timing::interleaved(contestants, runs)?));
        }
        home.close().map_err(failed)
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
            let identity = [
                "-c",
                "user.name=overhead",
                "-c",
                "user.email=overhead@localhost",
                "-c",
                "commit.gpgsign=false",
            ];
            program::output(command.current_dir(folder).args(identity).args(arguments)).map(drop)
        };
        git(&["init", "--quiet", "--initial-branch=main"])?;
        fs::write(&file, "fn last(all: &[u8]) -> u8 {\n    all[all.len() - 1]\n}\n").map_err(failed)?;
        git(&["add", "."])?;
        git(&["commit", "--quiet", "--message=Begin"])?;
        fs::write(&file, "fn last(all: &[u8]) -> u8 {\n    all[all.len()]\n}\n").map_err(failed)?;
        Ok(folder.to_path_buf())
    }
}

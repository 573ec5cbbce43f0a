//! The processes whose start a person or a host waits for, ready to be run again and again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{self, Outcome};
use crate::timing::Contestant;
use crate::workspace;

/// A process to be run, with what it reads.
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) command: Command,
    input: Option<PathBuf>,
    /// Whether its instructions say something: it starts no other program and asks nothing of a large file system.
    pub(crate) counted: bool,
}

impl Subject {
    fn new(name: &str, command: Command) -> Self {
        Self { name: name.to_owned(), command, input: None, counted: false }
    }

    fn reading(mut self, input: &Path) -> Self {
        self.input = Some(input.to_path_buf());
        self
    }

    fn counted(mut self) -> Self {
        self.counted = true;
        self
    }

    fn stdin(&self) -> Outcome<Stdio> {
        let Some(input) = &self.input else { return Ok(Stdio::null()) };
        File::open(input).map(Stdio::from).map_err(|error| format!("{}: {error}", input.display()))
    }

    /// From before its start to after its end.
    fn run(&mut self) -> Outcome<Duration> {
        let input = self.stdin()?;
        self.command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null());
        let begun = Instant::now();
        program::status(&mut self.command)?;
        Ok(begun.elapsed())
    }

    pub(crate) fn contestant(&mut self) -> Contestant<'_> {
        Contestant { name: self.name.clone(), run: Box::new(|| self.run()) }
    }

    /// The process under another program, with its environment, folder and input; what that prints to stderr.
    pub(crate) fn under(&self, tool: &str, arguments: &[&str]) -> Option<String> {
        let mut wrapped = Command::new(tool);
        wrapped.args(arguments).arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            // A tool that finds itself by the user's variables keeps those that we do not set.
            if let Some(value) = value {
                wrapped.env(name, value);
            }
        }
        if let Some(folder) = self.command.get_current_dir() {
            wrapped.current_dir(folder);
        }
        let output = wrapped.stdin(self.stdin().ok()?).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// A private home, state and project to run in.
pub(crate) struct Setting {
    companion: PathBuf,
    folder: PathBuf,
}

impl Setting {
    pub(crate) fn new(target: &Path, companion: PathBuf) -> Outcome<Self> {
        let folder = target.join("xtask").join("processes");
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let setting = Self { companion, folder };
        for name in ["home", "project"] {
            let folder = setting.folder.join(name);
            fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let mut git = Command::new("git");
        git.args(["init", "--quiet", "--initial-branch=main"]).current_dir(setting.folder.join("project"));
        program::output(&mut git)?;
        Ok(setting)
    }

    /// A program that sees nothing of the user's but `PATH`.
    fn command(&self, program: &Path, state: &str, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.join("home"));
        command.env("CODEX_COMPANION_STATE_DIR", self.folder.join(state)).current_dir(folder);
        command
    }

    fn companion(&self, arguments: &[&str], state: &str, folder: &Path) -> Command {
        let mut command = self.command(&self.companion, state, folder);
        command.args(arguments);
        command
    }

    /// What a host writes to each of its hooks; each reads of it what it knows.
    fn hook_input(&self, name: &str, folder: &Path) -> Outcome<PathBuf> {
        let path = self.folder.join(name);
        let input = serde_json::json!({
            "session_id": "0193b0c4-5c1e-7000-8000-000000000001", "transcript_path": "/nowhere/transcript.jsonl",
            "cwd": folder, "source": "startup", "prompt": "look at it", "reason": "exit",
            "command_name": "codex:status", "command_args": "", "stop_hook_active": false,
            "last_assistant_message": "Done.",
        });
        fs::write(&path, input.to_string()).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// The floors, `--version`, `status`, every hook with the gate off, and the plugin's launcher.
    pub(crate) fn starts(&self, empty: PathBuf) -> Outcome<Vec<Subject>> {
        let project = self.folder.join("project");
        let input = self.hook_input("input.json", &project)?;
        let companion = |arguments: &[&str]| self.companion(arguments, "state", &project);
        let mut subjects = vec![
            Subject::new("empty", Command::new(empty)).counted(),
            Subject::new("version", companion(&["--version"])).counted(),
            Subject::new("status", companion(&["status"])).counted(),
        ];
        for hook in ["session-start", "prompt-submit", "prompt-expansion", "stop", "session-end"] {
            let subject = Subject::new(&format!("hook {hook}"), companion(&["hook", hook]));
            subjects.push(subject.reading(&input).counted());
        }
        if cfg!(unix) {
            subjects.insert(1, Subject::new("true", Command::new("/bin/true")));
            let launcher = workspace::root().join("plugins/codex/bin/codex-companion");
            let mut launched = self.command(&launcher, "state", &project);
            launched.arg("--version").env("PATH", self.path_with_companion()?);
            subjects.push(Subject::new("launcher", launched));
            let mut shell = self.command(Path::new("/bin/sh"), "state", &project);
            shell.args(["-c", "exec \"$0\" \"$@\""]).arg(&self.companion).arg("--version");
            subjects.push(Subject::new("sh exec", shell));
        }
        Ok(subjects)
    }

    fn path_with_companion(&self) -> Outcome<std::ffi::OsString> {
        let folders = std::env::split_paths("/usr/local/bin:/usr/bin:/bin").map(Some);
        let folders =
            std::iter::once(self.companion.parent().map(Path::to_path_buf)).chain(folders).flatten();
        std::env::join_paths(folders).map_err(|error| error.to_string())
    }

    /// What needs stores and repositories to look at, which `workloads` makes.
    pub(crate) fn looks(&self, workloads: &Path) -> Outcome<Vec<Subject>> {
        let project = self.folder.join("project");
        let full = self.folder.join("full");
        program::output(Command::new(workloads).arg("store").arg(&full).arg(&project))?;
        let large = repository(workloads, "large")?;
        let input = self.hook_input("large.json", &large)?;

        let gate_on = |hook: &str| {
            let mut command = self.companion(&["hook", hook], "gate-on", &large);
            command.env("CODEX_COMPANION_REVIEW_GATE", "true");
            Subject::new("gate on", command).reading(&input)
        };
        // The turn's beginning is known, so that there is nothing to review; Codex is not there to be asked.
        gate_on("prompt-submit").run()?;
        let mut first = gate_on("stop");
        let answer = first.command.stdin(first.stdin()?).output().map_err(|error| error.to_string())?;
        if !String::from_utf8_lossy(&answer.stdout).contains("skipped") {
            return Err(format!(
                "the gate was to skip, and said {}",
                String::from_utf8_lossy(&answer.stdout)
            ));
        }
        let mut git = self.command(Path::new("git"), "state", &large);
        git.args(["status", "--porcelain=v2", "-uall"]);
        let mut lstat = Command::new(workloads);
        lstat.arg("lstat").arg(&large);
        Ok(vec![
            Subject::new("status full", self.companion(&["status"], "full", &project)),
            gate_on("stop"),
            Subject::new("git status", git),
            Subject::new("lstat", lstat),
        ])
    }
}

/// The folder of a generated repository.
fn repository(workloads: &Path, name: &str) -> Outcome<PathBuf> {
    let path = program::output(Command::new(workloads).args(["repository", name]))?;
    Ok(PathBuf::from(path.trim_end()))
}

//! The scratch place in which a scene plays: a home, a repository, a Codex that answers from a script, and nothing else of
//! this machine but git.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Outcome;
use super::normal::Normal;
use super::scenes::{Scene, Step};

/// How long a line that waits for something is tried.
const PATIENCE: Duration = Duration::from_secs(30);

/// The programs that a scene starts.
pub(super) struct Programs {
    pub(super) companion: PathBuf,
    pub(super) codex: PathBuf,
}

/// Plays a scene from nothing and gives what a person would have on the screen, made the same for everyone.
pub(super) fn play(scene: &Scene, programs: &Programs, scratch: &Path) -> Outcome<String> {
    let place = Place::new(scene, programs, scratch)?;
    let mut screen = String::new();
    let mut normal = Normal::new(&place.root, &programs.companion);
    let mut code = None;
    for step in &scene.steps {
        match step {
            Step::Write(path, text) => place.write(&normal.restored(path), text)?,
            Step::Line(line) if line == "echo $?" => {
                let code = code.map_or_else(|| "a signal".to_owned(), |code: i32| code.to_string());
                screen.push_str(&format!("$ {line}\n{code}\n"));
            }
            Step::Line(line) => {
                let (output, ended) = place.run(&normal.restored(line))?;
                code = ended;
                screen.push_str(&format!("$ {line}\n"));
                screen.push_str(&normal.text(&output));
                if !screen.ends_with('\n') {
                    screen.push('\n');
                }
            }
            Step::Quietly(line) => {
                let (output, ended) = place.run(&normal.restored(line))?;
                let _ = normal.text(&output);
                if ended != Some(0) {
                    return Err(format!("`{line}` ended with {ended:?}:\n{output}"));
                }
            }
            Step::Until(line, words) => {
                let deadline = Instant::now() + PATIENCE;
                loop {
                    let (output, _) = place.run(&normal.restored(line))?;
                    if output.contains(words.as_str()) {
                        break;
                    }
                    if Instant::now() > deadline {
                        return Err(format!("`{line}` never said {words:?}:\n{output}"));
                    }
                }
            }
        }
    }
    let trimmed: Vec<&str> = screen.lines().map(str::trim_end).collect();
    Ok(trimmed.join("\n").trim_end().to_owned() + "\n")
}

struct Place {
    root: PathBuf,
    env: Vec<(String, String)>,
}

impl Place {
    fn new(scene: &Scene, programs: &Programs, scratch: &Path) -> Outcome<Self> {
        let root = scratch.join(scene.name);
        let broken = |error: std::io::Error| format!("cannot make a place for {}: {error}", scene.name);
        for folder in ["shop/src", "bin", "tmp"] {
            fs::create_dir_all(root.join(folder)).map_err(broken)?;
        }
        // As programs see it, when the folder for temporary files is a link.
        let root = root.canonicalize().map_err(broken)?;
        let git = find("git").ok_or("there is no git in PATH")?;
        link(&programs.companion, &root.join("bin/codex-companion")).map_err(broken)?;
        link(&git, &root.join("bin/git")).map_err(broken)?;
        for tool in ["cat", "kill"] {
            if let Some(program) = find(tool) {
                link(&program, &root.join("bin").join(tool)).map_err(broken)?;
            }
        }
        let mut env = scene.env.clone();
        if let Some(script) = &scene.codex {
            link(&programs.codex, &root.join("bin/codex")).map_err(broken)?;
            let script = script.to_string().replace("{root}", &root.to_string_lossy());
            env.push(("SCRIPTED_CODEX_SCRIPT".to_owned(), script));
        }
        Ok(Self { root, env })
    }

    fn write(&self, path: &str, text: &str) -> Outcome {
        let path = self.root.join(path);
        let text = text.replace("{root}", &self.root.to_string_lossy());
        let folder = path.parent().expect("a file is in a folder");
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
        written.map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// Runs a line in the repository. What it says on both streams comes as one text, as on a screen.
    fn run(&self, line: &str) -> Outcome<(String, Option<i32>)> {
        let mut words = split(line);
        let mut variables = Vec::new();
        while let Some((name, value)) = words.first().and_then(|word| word.split_once('=')) {
            variables.push((name.to_owned(), value.to_owned()));
            words.remove(0);
        }
        let mut stdin = Stdio::null();
        if let Some(at) = words.iter().position(|word| word == "<") {
            let path = self.root.join("shop").join(words.get(at + 1).ok_or("no file follows `<`")?);
            let file = fs::File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            (stdin, _) = (file.into(), words.drain(at..=at + 1));
        }
        let [program, arguments @ ..] = words.as_slice() else { return Err("an empty line".to_owned()) };
        let failed = |error: std::io::Error| format!("`{line}`: {error}");
        let (mut reader, writer) = std::io::pipe().map_err(failed)?;
        let mut command = Command::new(self.root.join("bin").join(program));
        command.args(arguments).current_dir(self.root.join("shop")).env_clear();
        command.env("PATH", self.root.join("bin")).env("HOME", &self.root);
        command.env("TMPDIR", self.root.join("tmp")).env("LLVM_PROFILE_FILE", "/dev/null");
        // Nothing stays behind for long.
        command.env("CODEX_COMPANION_BROKER_IDLE_MS", "400").env("CODEX_COMPANION_CHILD_IDLE_MS", "100");
        command.env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Ada").env(format!("GIT_{who}_EMAIL"), "ada@localhost");
            command.env(format!("GIT_{who}_DATE"), "2026-01-30T10:00:00Z");
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value))).envs(variables);
        command.stdin(stdin).stdout(writer.try_clone().map_err(failed)?).stderr(writer);
        let mut child = command.spawn().map_err(failed)?;
        // It holds the pipe's other end as well.
        drop(command);
        let mut output = Vec::new();
        reader.read_to_end(&mut output).map_err(failed)?;
        let status = child.wait().map_err(failed)?;
        Ok((String::from_utf8_lossy(&output).into_owned(), status.code()))
    }
}

/// The words of a line; single quotes keep words together.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(unix)]
fn link(program: &Path, name: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(program, name)
}

#[cfg(not(unix))]
fn link(program: &Path, name: &Path) -> std::io::Result<()> {
    fs::copy(program, name).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_line() {
        assert_eq!(split("a  b --c='d e' ''"), ["a", "b", "--c=d e", ""]);
        assert_eq!(split("hook stop < stop.json"), ["hook", "stop", "<", "stop.json"]);
    }
}

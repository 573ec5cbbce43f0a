//! A `codex` that answers from a script. See the module `program` of this package.
#![allow(clippy::disallowed_methods, reason = "a tool for developers")]

use std::process::ExitCode;

use codex_testkit::app_server::{Script, serve_stdio};
use codex_testkit::program::{SCRIPT, SCRIPT_FILE};

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    match run(&arguments) {
        // Not through `ExitCode`, which ends at 255 and waits for nothing either.
        Ok(code) => std::process::exit(code),
        Err(message) => {
            say(&mut std::io::stderr(), &format!("scripted-codex: {message}\n"));
            ExitCode::from(125)
        }
    }
}

fn run(arguments: &[String]) -> Result<i32, String> {
    let script = script()?;
    if let Some(path) = script.record_path() {
        let cwd = std::env::current_dir().unwrap_or_default();
        let start = serde_json::json!({ "pid": std::process::id(), "argv": arguments, "cwd": cwd });
        let mut options = std::fs::OpenOptions::new();
        let file = options.append(true).create(true).open(path);
        let mut file = file.map_err(|error| format!("cannot open {}: {error}", path.display()))?;
        say(&mut file, &format!("{start}\n"));
    }
    let mut words = arguments.iter().map(String::as_str);
    loop {
        match words.next() {
            Some("-c" | "--config") => drop(words.next()),
            Some(word) if word.starts_with("-c") || word.starts_with("--config=") => {}
            Some("--version" | "-V") => {
                say(&mut std::io::stdout(), &format!("codex-cli {}\n", script.version_name()));
                return Ok(0);
            }
            Some("app-server") => return serve_stdio(script).map_err(|error| error.to_string()),
            Some("resume") => {
                say(&mut std::io::stdout(), &format!("resumed {}\n", words.next().unwrap_or("nothing")));
                return Ok(0);
            }
            other => return Err(format!("does not know {other:?}")),
        }
    }
}

fn script() -> Result<Script, String> {
    let text = match (std::env::var(SCRIPT), std::env::var_os(SCRIPT_FILE)) {
        (Ok(text), _) => text,
        (_, Some(path)) => {
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?
        }
        (Err(_), None) => return Ok(Script::new()),
    };
    Script::from_json(&text).map_err(|error| format!("the script is wrong: {error}"))
}

fn say(to: &mut impl std::io::Write, text: &str) {
    // Whoever started it may not read: that is its right.
    drop(to.write_all(text.as_bytes()));
    drop(to.flush());
}

//! Starting programs and saying clearly what went wrong with them.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::process::{Command, Stdio};

/// The result of a command of xtask: the error is a message for a person.
pub type Outcome<T = ()> = Result<T, String>;

/// The cargo that runs us, so that `cargo +toolchain xtask` stays with that toolchain.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command of xtask once more, with what its feature `tools` adds: only those who need that wait for its build.
#[cfg(not(feature = "tools"))]
pub fn with_tools(words: &[&str], flag: Option<&str>) -> Outcome {
    let mut command = cargo();
    command
        .args(["run", "--quiet", "--package", "xtask", "--features", "tools", "--"])
        .args(words)
        .args(flag);
    status(command.current_dir(crate::workspace::root()))
}

/// The command as a person would type it, to run it again.
pub fn display(command: &Command) -> String {
    let mut line = String::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            let _ = write!(line, "{}={} ", name.to_string_lossy(), quoted(value));
        }
    }
    let program = std::path::Path::new(command.get_program());
    // An absolute cargo is only how we were told of it; a person types its name.
    line.push_str(&quoted(
        program.file_stem().filter(|_| program.is_absolute()).unwrap_or(program.as_os_str()),
    ));
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&quoted(argument));
    }
    line
}

fn quoted(text: &OsStr) -> String {
    let text = text.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:@,+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Runs to the end with our own stdout and stderr.
pub fn status(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed: {status}", display(command))) }
}

/// Runs to the end and gives what it printed; stdin is empty, and stderr is kept for the error message.
pub fn output(command: &mut Command) -> Outcome<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| not_started(command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{}` failed: {}\n{}", display(command), output.status, stderr.trim_end()))
}

/// Whether a program is there, judged by its answer to `argument`.
pub fn present(program: &str, argument: &str) -> bool {
    output(Command::new(program).arg(argument)).is_ok()
}

/// The message for a program that could not be started.
#[must_use]
pub fn not_started(command: &Command, error: &std::io::Error) -> String {
    format!("`{}` could not be started: {error}", command.get_program().to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("cargo");
        command.args(["test", "it's here", "", "--flag=a/b"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(display(&command), r"RUSTDOCFLAGS='-D warnings' cargo test 'it'\''s here' '' --flag=a/b");
    }

    #[test]
    #[cfg(unix)]
    fn an_absolute_program_is_shown_by_name() {
        assert_eq!(display(Command::new("/opt/rust/bin/cargo").arg("fmt")), "cargo fmt");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = output(&mut Command::new("no-such-program-anywhere")).unwrap_err();
        assert!(error.starts_with("`no-such-program-anywhere` could not be started"), "{error}");
        assert!(!present("no-such-program-anywhere", "--version"));
    }
}

//! Raw argument strings: flags first, and the rest byte for byte.

use std::ffi::OsString;

use codex_companion::args::{Cli, Command, Parsed, asks_for_json, hook, parse};

const COMMANDS: [&str; 8] =
    ["task", "adversarial-review", "review", "status", "result", "cancel", "setup", "gate"];
/// The flags of `task` that take a value.
const LONG: [&str; 10] = [
    "cwd",
    "codex",
    "model",
    "effort",
    "timeout-ms",
    "config",
    "broker",
    "approvals",
    "thread",
    "prompt-file",
];
const SHORT: [char; 3] = ['C', 'm', 'c'];

/// A byte for the command, then the raw string.
///
/// # Panics
/// When the rest is not the end of the string, a flag is taken out of it, or a naive reader takes the string apart in
/// another way.
pub fn arguments(data: &[u8]) {
    let [command, raw @ ..] = data else { return };
    let (command, raw) = (COMMANDS[usize::from(*command) % COMMANDS.len()], String::from_utf8_lossy(raw));
    let argv = words(command, &[]);
    let parsed = parse(&argv, Some(&raw), false);
    let split: Vec<OsString> = argv.into_iter().chain(raw.split(' ').map(OsString::from)).collect();
    let (_, _) = (asks_for_json(&split), hook(&split));
    if let Ok(Parsed::Run(cli)) = parsed.as_ref()
        && let Some(prompt) = prompt(cli)
    {
        assert!(raw.ends_with(&prompt), "{prompt:?} is not the end of {raw:?}");
        if !prompt.is_empty() {
            prose_stays_prose(command, &raw, &prompt);
        }
    }
    if command == "task" {
        as_words(&raw, parsed);
    }
}

fn words(command: &str, more: &[&str]) -> Vec<OsString> {
    ["codex-companion", command].iter().chain(more).map(OsString::from).collect()
}

/// The prompt of a command that takes one.
fn prompt(cli: &Cli) -> Option<String> {
    let words = match &cli.command {
        Command::Task(task) => &task.prompt.words,
        Command::AdversarialReview(review) => &review.prompt.words,
        _ => return None,
    };
    assert!(words.len() <= 1, "prose is one word: {words:?}");
    Some(words.iter().map(|word| word.to_str().expect("it came from text")).collect())
}

/// Everything but the prompt.
fn flags(mut cli: Cli) -> String {
    match &mut cli.command {
        Command::Task(task) => task.prompt.words.clear(),
        Command::AdversarialReview(review) => review.prompt.words.clear(),
        _ => {}
    }
    format!("{cli:?}")
}

/// Whatever the rest says, the flags are the same.
fn prose_stays_prose(command: &str, raw: &str, rest: &str) {
    let prose = format!("x --write --json -m \"{rest} -- --model");
    let other = format!("{}{prose}", &raw[..raw.len() - rest.len()]);
    let run = |raw: &str| match parse(&words(command, &[]), Some(raw), false) {
        Ok(Parsed::Run(cli)) => *cli,
        other => panic!("{raw:?} is fine with other prose, and here it is {other:?}"),
    };
    let other = run(&other);
    assert_eq!(prompt(&other).as_deref(), Some(prose.as_str()));
    assert_eq!(flags(other), flags(run(raw)));
}

/// The same as words, taken apart by the rules as they are written.
fn as_words(raw: &str, parsed: Result<Parsed, codex_companion::exit::Failure>) {
    let Some((flags, rest)) = naive(raw) else {
        assert!(parsed.is_err(), "a quote is not closed");
        return;
    };
    let mut more: Vec<&str> = flags.iter().map(String::as_str).collect();
    if !rest.is_empty() {
        more.extend(["--", rest]);
    }
    match (parsed, parse(&words("task", &more), None, false)) {
        (Ok(Parsed::Run(one)), Ok(Parsed::Run(other))) => {
            assert_eq!(format!("{one:?}"), format!("{other:?}"));
        }
        (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string()),
        (Ok(Parsed::Print(one)), Ok(Parsed::Print(other))) => assert_eq!(one, other),
        // Only words can ask for a raw string, and it has been read.
        (_, Ok(Parsed::ReadArguments)) => {}
        (one, other) => panic!("{raw:?}: {one:?} is not {other:?}"),
    }
}

/// Flags and rest; `None` for a quote that is not closed or has something behind it.
fn naive(raw: &str) -> Option<(Vec<String>, &str)> {
    let (mut flags, mut left) = (Vec::new(), raw);
    loop {
        let text = left.trim_start();
        let word = text.split_whitespace().next().unwrap_or_default();
        if word == "--" {
            return Some((flags, text[2..].trim_start()));
        }
        if !word.starts_with('-') || word == "-" {
            let rest = if flags.is_empty() { raw } else { text };
            return Some((flags, rest));
        }
        // Where the value begins, and whether it stands in the same word as its flag.
        let equals = word.starts_with("--").then(|| word.find('=')).flatten();
        let letter =
            word.chars().nth(1).filter(|_| !word.starts_with("--")).filter(|letter| SHORT.contains(letter));
        let (name, value) = match (equals, letter) {
            (Some(at), _) => (&text[..=at], Some(&text[at + 1..])),
            (None, Some(_)) if word.len() > 2 => (&text[..2], Some(&text[2..])),
            (None, Some(_)) => (word, Some(text[word.len()..].trim_start())),
            (None, None) if LONG.contains(&word.trim_start_matches('-')) && word.starts_with("--") => {
                (word, Some(text[word.len()..].trim_start()))
            }
            (None, None) => (word, None),
        };
        let Some(value) = value else {
            flags.push(name.to_owned());
            left = &text[word.len()..];
            continue;
        };
        let (unquoted, rest) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let (inside, rest) = value[1..].split_once(quote)?;
                (inside, rest)
            }
            _ => value.split_at(value.find(char::is_whitespace).unwrap_or(value.len())),
        };
        if value.starts_with(['"', '\'']) && !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
            return None;
        }
        if equals.is_some() {
            flags.push(format!("{name}{unquoted}"));
        } else {
            flags.push(name.to_owned());
            if !value.is_empty() {
                flags.push(unquoted.to_owned());
            }
        }
        left = rest;
    }
}

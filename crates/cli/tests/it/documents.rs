//! What the documents say of the command line: the lines that they show parse, and nothing of it is missing there.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use codex_companion::args::{self, Parsed};
use codex_companion::environment::Environment;
use codex_companion::exit::{Exit, Kind};
use codex_companion::settings::{Flags, KEYS, Key, Project, Settings, SettingsFile, Variables};

/// Words that documents put where a reader puts a value.
const PLACEHOLDERS: &[(&str, &str)] =
    &[("COMMAND", "review"), ("EVENT", "stop"), ("SHELL", "bash"), ("JOB…", "job-1"), ("…", "")];
/// Flags of other programs, which documents may name by themselves.
const FOREIGN_FLAGS: &[&str] = &["--auto", "--check", "--strict", "--version", "--help"];
/// Variables of the reference, which the migration page names, and of the plugin's launcher.
const FOREIGN_VARIABLES: &[&str] = &[
    "CODEX_COMPANION_APP_SERVER_PID_FILE",
    "CODEX_COMPANION_APP_SERVER_LOG_FILE",
    "CODEX_COMPANION_BIN",
    "CODEX_COMPANION_LAUNCHERS",
];
/// Where the launcher of the plugin is.
const LAUNCHER: &str = "plugins/codex/bin/codex-companion";
/// Variables of other systems than this one.
const ELSEWHERE: &[&str] =
    &["USERPROFILE", "LOCALAPPDATA", "APPDATA", "HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents: the README, the book, what stands beside the crates, and what the plugin tells its host.
fn documents() -> Vec<(String, String)> {
    let mut paths = vec![PathBuf::from("README.md")];
    let plugin = ["agents", "commands", "skills/codex"].map(|folder| format!("plugins/codex/{folder}"));
    for folder in ["docs", "docs/embedding"].into_iter().chain(plugin.iter().map(String::as_str)) {
        paths
            .extend(in_folder(folder).into_iter().filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    paths.extend(in_folder("crates").into_iter().map(|path| path.join("README.md")));
    paths.retain(|path| root().join(path).is_file());
    assert!(paths.len() > 20, "{paths:?}");
    let read = |path: PathBuf| {
        let name = path.to_string_lossy().into_owned();
        (name.clone(), read(&name))
    };
    paths.into_iter().map(read).collect()
}

fn in_folder(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap);
    entries.map(|entry| Path::new(folder).join(entry.file_name())).collect()
}

/// A fenced block: its language and its lines, with the number of the first.
struct Block<'a> {
    language: &'a str,
    line: usize,
    lines: Vec<&'a str>,
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open) {
            (Some(language), false) => {
                let language = language.trim();
                blocks.push(Block { language, line: index + 2, lines: Vec::new() });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => blocks.last_mut().unwrap().lines.push(line),
            (None, false) => {}
        }
    }
    blocks
}

/// The code between single backticks, outside of blocks.
fn spans(text: &str) -> Vec<String> {
    let mut prose = String::new();
    let mut open = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            open = !open;
        } else if !open {
            prose.push_str(line);
            // A span may go on in the next line; a paragraph or a row of a table ends it.
            prose.push_str(if line.is_empty() || line.starts_with('|') { "\n\n" } else { " " });
        }
    }
    let paragraphs = prose.split("\n\n").flat_map(|text| text.split('`').skip(1).step_by(2));
    paragraphs.map(str::to_owned).collect()
}

/// The command lines of ours in a line of a shell, as words; quotes keep words together, and a comment ends the line.
fn calls(line: &str) -> Vec<Vec<String>> {
    let mut calls = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '|' | ';' | '&' | '>' | '<' | ' ') => {
                let call: &mut Vec<String> = calls.last_mut().unwrap();
                call.extend(word.take());
                if matches!(character, '>' | '<') {
                    // What follows is a file.
                    while characters.next_if(|next| matches!(next, '>' | ' ' | '&')).is_some() {}
                    while characters.next_if(|next| *next != ' ').is_some() {}
                } else if character != ' ' {
                    calls.push(Vec::new());
                }
            }
            (None, '#') if word.is_none() => break,
            (None, other) => word.get_or_insert_default().push(other),
        }
    }
    calls.last_mut().unwrap().extend(word);
    for call in &mut calls {
        let variables = call.iter().take_while(|word| word.contains('=') && !word.starts_with('-')).count();
        call.drain(..variables);
    }
    calls.retain(|call| call.first().is_some_and(|program| program == "codex-companion"));
    calls
}

fn parses(words: &[String]) -> Result<(), String> {
    let value = |word: &String| {
        let known = PLACEHOLDERS.iter().find(|(name, _)| name == word);
        known.map_or_else(|| word.clone(), |(_, value)| (*value).to_owned())
    };
    let argv: Vec<OsString> =
        words.iter().map(value).filter(|word| !word.is_empty()).map(OsString::from).collect();
    if argv.len() == 1 {
        return Ok(());
    }
    match args::parse(&argv, None, false) {
        Ok(Parsed::Run(_) | Parsed::Print(_) | Parsed::ReadArguments) => Ok(()),
        Err(failure) => Err(failure.to_string()),
    }
}

#[test]
fn every_command_line_in_the_documents_parses() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, text) in documents() {
        for block in blocks(&text) {
            for (index, line) in block.lines.iter().enumerate() {
                let line = match block.language {
                    "sh" => line,
                    "yaml" => match line.split_once("run: ") {
                        Some((_, line)) => line,
                        None => continue,
                    },
                    "console" | "text" => match line.strip_prefix("$ ") {
                        Some(line) => line,
                        None => continue,
                    },
                    _ => continue,
                };
                // What is shown as wrong usage must be.
                let after = &block.lines[index + 1..];
                let next = after.iter().position(|line| line.starts_with("$ "));
                let shown =
                    next.filter(|next| after[*next] == "$ echo $?").and_then(|next| after.get(next + 1));
                let usage = shown == Some(&"2");
                for call in calls(line) {
                    count += 1;
                    if let Err(why) = parses(&call)
                        && !usage
                    {
                        wrong.push(format!("{path}:{}: {call:?}: {why}", block.line + index));
                    }
                }
            }
        }
        for span in spans(&text).iter().filter(|span| span.starts_with("codex-companion ")) {
            for call in calls(span) {
                count += 1;
                if let Err(why) = parses(&call) {
                    wrong.push(format!("{path}: `{span}`: {why}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(count > 100, "only {count} command lines were found");
}

/// Every flag of every command, with the command; hidden ones are for hooks that we write ourselves.
fn flags() -> Vec<(String, String)> {
    fn of(command: &clap::Command, flags: &mut Vec<(String, String)>) {
        for flag in command.get_arguments().filter(|flag| !flag.is_hide_set()) {
            let mut names: Vec<&str> = flag.get_long().into_iter().collect();
            names.extend(flag.get_all_aliases().unwrap_or_default());
            flags.extend(names.iter().map(|name| (command.get_name().to_owned(), format!("--{name}"))));
        }
        command.get_subcommands().for_each(|command| of(command, flags));
    }
    let mut flags = Vec::new();
    of(&args::definition(), &mut flags);
    flags
}

#[test]
fn every_flag_in_the_documents_is_one() {
    let mut known: BTreeSet<String> = flags().into_iter().map(|(_, flag)| flag).collect();
    known.insert("--git-hook".to_owned());
    known.extend(FOREIGN_FLAGS.iter().map(|flag| (*flag).to_owned()));
    for (path, text) in documents() {
        for span in spans(&text).iter().filter(|span| span.starts_with("--") && span.len() > 2) {
            let flag = span.split([' ', '=', '|', '\\']).next().unwrap();
            assert!(known.contains(flag), "{path}: `{span}` names a flag that there is not");
        }
    }
}

#[test]
fn every_command_and_flag_is_documented() {
    let text = read("docs/commands.md");
    let has = |name: &str| {
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-');
        text.match_indices(name).any(|(at, _)| ends(&text[at + name.len()..]))
    };
    let definition = args::definition();
    for command in definition.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        let heading =
            |line: &str| line.starts_with("## ") && line.split([' ', ':', ',']).any(|word| word == name);
        assert!(text.lines().any(heading), "docs/commands.md has no heading for `{name}`");
        for action in command.get_subcommands() {
            let call = format!("{name} {}", action.get_name());
            assert!(has(&call), "docs/commands.md does not name `{call}`");
        }
        for value in command.get_positionals().flat_map(clap::Arg::get_possible_values) {
            assert!(value.is_hide_set() || has(value.get_name()), "{name} {}", value.get_name());
        }
    }
    for (command, flag) in flags() {
        assert!(has(&flag), "docs/commands.md does not name {flag} of {command}");
    }
}

#[test]
fn the_settings_page_has_every_key_as_it_is() {
    let text = read("docs/settings.md");
    let section = text.split("## Keys").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> = KEYS.iter().map(settings_row).collect();
    assert_eq!(rows.join("\n"), expected.join("\n"));
}

/// The row of a key in docs/settings.md.
fn settings_row(key: &Key) -> String {
    let Key { name, summary, values, default, .. } = key;
    let project = match key.project {
        Project::Any => "yes".to_owned(),
        Project::OnlyLess => "only less".to_owned(),
        Project::OnlyTrue(_) => "only true".to_owned(),
        Project::Never(why) => format!("no: {why}"),
    };
    let variable = key.variable.map_or(String::new(), |variable| format!("`{variable}`"));
    format!("| `{name}` | {summary} | {values} | {default} | {variable} | {project} |")
}

#[test]
fn settings_files_in_the_documents_are_read() {
    let mut count = 0;
    for (path, text) in documents() {
        for block in blocks(&text).iter().filter(|block| block.language == "toml") {
            // Manifests, and Codex's own configuration.
            let foreign = ["[dependencies]", "[mcp_servers"];
            if block.lines.iter().any(|line| foreign.iter().any(|head| line.starts_with(head))) {
                continue;
            }
            count += 1;
            let file = block.lines.join("\n");
            // A file has no way to be made but from a folder.
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("config.toml");
            fs::write(&place, file).unwrap();
            let read = SettingsFile::read(&place).unwrap();
            let resolved = Settings::resolve(read.as_ref(), None, &Variables::default(), Flags::default());
            resolved.unwrap_or_else(|failure| panic!("{path}:{}: {failure}", block.line));
        }
    }
    assert!(count >= 2, "only {count} settings files were found");
}

#[test]
fn every_variable_is_documented_and_every_documented_one_is_read() {
    let asked = std::cell::RefCell::new(BTreeSet::new());
    let _ = Environment::from_lookup(|name| {
        asked.borrow_mut().insert(name.to_owned());
        None
    });
    let asked = asked.into_inner();
    let page = read("docs/settings.md");
    for name in &asked {
        assert!(page.contains(&format!("`{name}`")), "docs/settings.md does not name {name}");
    }
    let section = page.split("## Variables").nth(1).unwrap().split("\n## ").next().unwrap();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        for name in row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2) {
            assert!(asked.contains(name) || ELSEWHERE.contains(&name), "{name} is not read");
        }
    }
    for (path, text) in documents() {
        for (at, prefix) in text.match_indices("CODEX_COMPANION_") {
            let rest = &text[at + prefix.len()..];
            let end = rest.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(rest.len());
            let name = format!("{prefix}{}", &rest[..end]);
            let fits = end == 0 || asked.contains(&name) || FOREIGN_VARIABLES.contains(&name.as_str());
            assert!(fits || name.starts_with("CODEX_COMPANION_TEST"), "{path}: {name} is not read");
        }
    }
}

/// The outputs that the page shows are real ones (the module `console`), so they can be held against its words.
#[test]
fn the_keys_of_documents_are_those_that_they_have() {
    let page = read("docs/documents.md");
    let check = |words: &str, screen: &str, pointer: &str| {
        let listed = page.split(words).nth(1).unwrap_or_else(|| panic!("no {words:?}"));
        let listed = members(&listed[listed.find('{').unwrap()..]);
        let shown = page.split(&format!("<!-- screen: {screen} -->")).nth(1).unwrap();
        let shown = &shown[shown.find('{').unwrap()..shown.find("\n```\n").unwrap()];
        let shown: serde_json::Value = serde_json::from_str(shown).unwrap();
        let shown = shown.pointer(pointer).and_then(serde_json::Value::as_object).unwrap();
        let shown: BTreeSet<String> = shown.keys().cloned().collect();
        assert_eq!(listed, shown, "{words} and {screen}");
    };
    check("**`review`, `adversarial-review`**", "review-json", "");
    check("- `result` is", "review-json", "/result");
    check("A finding is", "review-json", "/result/findings/0");
    check("- `context` is", "review-json", "/context");
    check("**`task`**", "task-json", "");
    check("**A job**", "status-json", "/latestFinished");
    check("| `status` |", "status-json", "");
    check("| `gate` |", "gate-json", "");
    check("| `setup` |", "setup-json", "");
}

/// The members of `{a, b:{c}, d?}` at its first level, but for those that may be missing.
fn members(list: &str) -> BTreeSet<String> {
    let (mut depth, mut name, mut names) = (0, String::new(), BTreeSet::new());
    for character in list.chars() {
        match (character, depth) {
            (',' | '}', 1) => {
                let known = name.split(':').next().unwrap_or_default().trim().to_owned();
                name.clear();
                if !known.is_empty() && !known.ends_with('?') {
                    names.insert(known);
                }
                if character == '}' {
                    return names;
                }
            }
            ('{' | '[', _) => depth += 1,
            ('}' | ']', _) => depth -= 1,
            (other, 1) => name.push(other),
            _ => {}
        }
    }
    panic!("the list does not end: {list}");
}

#[test]
fn the_comparison_names_tests_that_there_are() {
    fn sources(folder: &Path, found: &mut String) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut tests = String::new();
    for folder in in_folder("crates") {
        for part in ["src", "tests"].map(|part| root().join(&folder).join(part)) {
            if part.is_dir() {
                sources(&part, &mut tests);
            }
        }
    }
    let page = read("docs/comparison.md");
    let section = page.split("## What differs").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ") && !line.contains("tests |"));
    let mut count = 0;
    for row in rows {
        let ids = row.trim_end_matches('|').rsplit('|').next().unwrap().split(',').map(str::trim);
        for id in ids {
            assert!(id.len() == 3 && id.starts_with('d'), "no test in {row}");
            let named = [format!("fn {id}_"), format!("_{id}_")].iter().any(|name| tests.contains(name));
            assert!(named, "no test is named {id}: {row}");
            count += 1;
        }
    }
    assert!(count > 20, "only {count} tests are named");
}

#[test]
fn what_the_launcher_says_and_reads_is_documented() {
    let script = read(LAUNCHER);
    let missing = script.split("missing='").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
    assert!(read("docs/troubleshooting.md").contains(missing), "{missing}");
    let page = read("docs/settings.md");
    for name in &FOREIGN_VARIABLES[2..] {
        assert!(script.contains(name) && page.contains(&format!("`{name}`")), "{name}");
    }
}

/// Read from their own source, so that none can be forgotten here as well.
#[test]
fn exit_codes_and_kinds_of_errors_are_documented() {
    let source = read("crates/cli/src/exit.rs");
    let codes: Vec<(&str, &str)> = source
        .split("pub enum Exit {")
        .nth(1)
        .unwrap()
        .split('}')
        .next()
        .unwrap()
        .lines()
        .filter_map(|line| line.trim().trim_end_matches(',').split_once(" = "))
        .collect();
    assert!(codes.len() > 6, "{codes:?}");
    for page in ["docs/commands.md", "README.md"] {
        let text = read(page);
        for (_, code) in &codes {
            assert!(text.contains(&format!("\n| {code} | ")), "{page} has no row for the exit code {code}");
        }
    }
    let page = read("docs/documents.md");
    for kind in Kind::ALL {
        let (name, code) = (kind.as_str(), Exit::from(*kind).code().to_string());
        let told = page.lines().filter(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
        let told: Vec<&str> = told.filter_map(|line| line.split('|').nth(1)).map(str::trim).collect();
        let fits = told.iter().any(|codes| codes.split(", ").any(|told| told == code));
        assert!(fits, "docs/documents.md: the kind {name} exits {code}, not {told:?}");
    }
}

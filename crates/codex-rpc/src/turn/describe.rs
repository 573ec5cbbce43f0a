//! From an item to a phase and to one line for people.

use codex_base::text::one_line;

use crate::protocol::{
    CommandAction, CommandExecutionItem, FileChangeItem, ItemStatus, MessagePhase, SubAgentActivityKind,
    ThreadItem,
};

use super::{ItemEvent, Phase};

/// Which end of an item's life is described.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Started,
    Completed,
}

/// The phase that a starting item puts its turn into; `None` leaves it as it is.
pub(super) fn phase(item: &ThreadItem) -> Option<Phase> {
    Some(match item {
        ThreadItem::EnteredReviewMode(_) => Phase::Reviewing,
        ThreadItem::Reasoning(_)
        | ThreadItem::Plan(_)
        | ThreadItem::WebSearch(_)
        | ThreadItem::ImageView(_) => Phase::Investigating,
        ThreadItem::CommandExecution(item) => command_phase(item),
        ThreadItem::FileChange(_) => Phase::Editing,
        ThreadItem::McpToolCall(_)
        | ThreadItem::DynamicToolCall(_)
        | ThreadItem::ImageGeneration(_)
        | ThreadItem::ContextCompaction(_) => Phase::Running,
        ThreadItem::CollabAgentToolCall(item) if item.tool == "wait" => Phase::Waiting,
        ThreadItem::CollabAgentToolCall(_) => Phase::Running,
        ThreadItem::AgentMessage(item) if item.phase == Some(MessagePhase::Commentary) => return None,
        ThreadItem::AgentMessage(_) | ThreadItem::ExitedReviewMode(_) => Phase::Finalizing,
        _ => return None,
    })
}

fn command_phase(item: &CommandExecutionItem) -> Phase {
    let looks = |action: &CommandAction| {
        matches!(
            action,
            CommandAction::Read { .. } | CommandAction::ListFiles { .. } | CommandAction::Search { .. }
        )
    };
    if !item.command_actions.is_empty() && item.command_actions.iter().all(looks) {
        Phase::Investigating
    } else if verifies(&command_line(item)) {
        Phase::Verifying
    } else {
        Phase::Running
    }
}

/// The command as the model meant it: what Codex understood, without the shell around it.
fn command_line(item: &CommandExecutionItem) -> String {
    let parts: Vec<&str> = item.command_actions.iter().map(CommandAction::command).collect();
    if parts.is_empty() { item.command.clone() } else { parts.join("; ") }
}

/// Programs that do nothing but build, test or lint.
const VERIFIERS: &[&str] = &[
    "pytest",
    "jest",
    "vitest",
    "mocha",
    "ava",
    "eslint",
    "biome",
    "tsc",
    "ruff",
    "mypy",
    "pyright",
    "flake8",
    "pylint",
    "make",
    "cmake",
    "ninja",
    "ctest",
    "tox",
    "nox",
    "rspec",
    "rubocop",
    "phpunit",
    "phpstan",
    "shellcheck",
    "gradle",
    "gradlew",
    "mvn",
    "mvnw",
    "bazel",
    "golangci-lint",
    "rustc",
];

/// Words that make another program's call a build, a test or a lint: `cargo test`, `npm run lint:css`, `go vet`.
const VERIFYING_WORDS: &[&str] = &[
    "test",
    "tests",
    "check",
    "build",
    "lint",
    "clippy",
    "nextest",
    "vet",
    "typecheck",
    "unittest",
    "pytest",
    "verify",
];

/// Programs whose sub-command or script says what they do.
const RUNNERS: &[&str] = &[
    "cargo", "go", "npm", "npx", "pnpm", "yarn", "bun", "bunx", "deno", "dotnet", "swift", "uv", "uvx",
    "poetry", "python", "python3", "node", "just", "task", "rake", "mix", "zig", "bundle", "composer",
];

/// Whether one of the commands of a line builds, tests or lints.
fn verifies(line: &str) -> bool {
    line.split(['&', '|', ';', '\n']).any(|command| {
        let is_setting = |word: &&str| word.contains('=') && !word.starts_with(['/', '.', '\'', '"']);
        let mut words = command.split_whitespace().skip_while(is_setting);
        let program = words.next().map_or("", |path| path.rsplit('/').next().unwrap_or(path));
        VERIFIERS.contains(&program)
            || RUNNERS.contains(&program)
                && words.take(3).any(|word| {
                    let word = word.split(':').next().unwrap_or(word);
                    VERIFYING_WORDS.contains(&word) || VERIFIERS.contains(&word)
                })
    })
}

/// One line about an item; `None` for what is not worth a line.
pub(super) fn line(item: &ThreadItem, stage: Stage) -> Option<String> {
    let started = stage == Stage::Started;
    let text = match item {
        ThreadItem::CommandExecution(item) if started => format!("Running {}", command_line(item)),
        ThreadItem::CommandExecution(item) => {
            let line = command_line(item);
            match (&item.status, item.exit_code) {
                (ItemStatus::Declined, _) => format!("Declined {line}"),
                (_, Some(code)) => {
                    format!("Ran {} (exit {code})", one_line(&line, ItemEvent::MAX_CHARS - 24))
                }
                (status, None) => format!("Ran {} ({status})", one_line(&line, ItemEvent::MAX_CHARS - 24)),
            }
        }
        ThreadItem::FileChange(item) => file_line(item, started),
        ThreadItem::McpToolCall(item) => {
            let verb = if started { "Calling" } else { "Called" };
            let failed = if item.status == ItemStatus::Failed { " (failed)" } else { "" };
            format!("{verb} {}/{}{failed}", item.server, item.tool)
        }
        ThreadItem::DynamicToolCall(item) => {
            format!("{} {}", if started { "Calling" } else { "Called" }, item.tool)
        }
        ThreadItem::CollabAgentToolCall(item) if started => match (item.tool.as_str(), &item.prompt) {
            ("wait", _) => "Waiting for sub-agents".to_owned(),
            ("spawnAgent", Some(prompt)) => format!("Starting a sub-agent: {prompt}"),
            (tool, _) => format!("Sub-agents: {tool}"),
        },
        ThreadItem::SubAgentActivity(item) if started => {
            let verb = match &item.kind {
                SubAgentActivityKind::Started => "started",
                SubAgentActivityKind::Interacted => "was told more",
                SubAgentActivityKind::Interrupted => "was interrupted",
                SubAgentActivityKind::Completed => "completed",
                SubAgentActivityKind::Other(kind) => kind,
            };
            format!("Sub-agent {} {verb}", item.agent_path)
        }
        ThreadItem::WebSearch(item) if !started && !item.query.is_empty() => {
            format!("Searched the web: {}", item.query)
        }
        ThreadItem::WebSearch(_) if started => "Searching the web".to_owned(),
        ThreadItem::ImageView(item) if started => format!("Looking at {}", item.path),
        ThreadItem::EnteredReviewMode(item) if started => format!("Reviewing {}", item.review),
        ThreadItem::ContextCompaction(_) if started => "Summarising the conversation".to_owned(),
        ThreadItem::AgentMessage(item) if !started => first_line(&item.text)?.to_owned(),
        ThreadItem::Reasoning(item) if !started => {
            first_line(item.summary.first()?)?.trim_matches('*').to_owned()
        }
        ThreadItem::Plan(item) if !started => format!("Plan: {}", first_line(&item.text)?),
        ThreadItem::Other(item) if started => item.kind.clone(),
        _ => return None,
    };
    Some(one_line(&text, ItemEvent::MAX_CHARS)).filter(|line| !line.is_empty())
}

fn file_line(item: &FileChangeItem, started: bool) -> String {
    let verb = match &item.status {
        _ if started => "Editing",
        ItemStatus::Completed => "Edited",
        ItemStatus::Declined => "Declined to edit",
        _ => "Failed to edit",
    };
    let name = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned();
    let shown: Vec<String> = item.changes.iter().take(3).map(|change| name(&change.path)).collect();
    let more = item.changes.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{verb} {}{more}", shown.join(", "))
}

fn first_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(json: &str) -> ThreadItem {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn builds_tests_and_lints_are_told_from_other_commands() {
        let check = |line: &str, expected: bool| assert_eq!(verifies(line), expected, "{line}");
        for line in [
            "cargo test",
            "cargo clippy --all-targets",
            "CI=1 npm run test:unit",
            "npm run build",
            "cd app && go vet ./...",
            "python -m pytest -q",
            "uv run pytest",
            "/usr/bin/make -j4",
            "./gradlew assemble",
            "npx eslint .",
        ] {
            check(line, true);
        }
        for line in
            ["ls test", "cat build.rs", "git checkout build", "cargo run", "echo make", "rm -rf target", ""]
        {
            check(line, false);
        }
    }

    #[test]
    fn items_put_the_turn_into_a_phase() {
        let check = |json: &str, expected: Option<Phase>| assert_eq!(phase(&item(json)), expected, "{json}");
        let command = |command: &str, actions: &str| {
            format!(
                r#"{{"type":"commandExecution","id":"c","command":"{command}","commandActions":{actions}}}"#
            )
        };
        let read = r#"[{"type":"read","command":"cat a","name":"a"},{"type":"search","command":"rg x"}]"#;
        let mixed = r#"[{"type":"read","command":"cat a","name":"a"},{"type":"unknown","command":"rm a"}]"#;
        let tests = r#"[{"type":"unknown","command":"cargo test"}]"#;
        check(&command("bash -lc 'cat a'", read), Some(Phase::Investigating));
        check(&command("bash -lc 'rm a'", mixed), Some(Phase::Running));
        check(&command("bash -lc 'cargo test'", tests), Some(Phase::Verifying));
        check(&command("make check", "[]"), Some(Phase::Verifying));
        check(r#"{"type":"fileChange","id":"f","changes":[]}"#, Some(Phase::Editing));
        check(r#"{"type":"agentMessage","id":"m","text":"","phase":"commentary"}"#, None);
        check(r#"{"type":"agentMessage","id":"m","text":""}"#, Some(Phase::Finalizing));
        check(r#"{"type":"enteredReviewMode","id":"r","review":"x"}"#, Some(Phase::Reviewing));
        check(r#"{"type":"collabAgentToolCall","id":"w","tool":"wait"}"#, Some(Phase::Waiting));
        check(r#"{"type":"userMessage","id":"u","content":[]}"#, None);
        check(r#"{"type":"hologram","id":"h"}"#, None);
    }

    #[test]
    fn lines_are_short_and_free_of_control_characters() {
        let check = |json: &str, stage: Stage, expected: Option<&str>| {
            assert_eq!(line(&item(json), stage).as_deref(), expected, "{json}");
        };
        let command = r#"{"type":"commandExecution","id":"c","command":"bash -lc 'x'","status":"completed","exitCode":1,
            "commandActions":[{"type":"unknown","command":"ls\n\u001b[31m -l"}]}"#;
        check(command, Stage::Started, Some("Running ls -l"));
        check(command, Stage::Completed, Some("Ran ls -l (exit 1)"));
        let patch = r#"{"type":"fileChange","id":"f","status":"completed","changes":[
            {"path":"/a/b.rs","kind":{"type":"add"},"diff":""},{"path":"/a/c.rs","kind":{"type":"add"},"diff":""},
            {"path":"/a/d.rs","kind":{"type":"add"},"diff":""},{"path":"/a/e.rs","kind":{"type":"add"},"diff":""}]}"#;
        check(patch, Stage::Started, Some("Editing b.rs, c.rs, d.rs and 1 more"));
        check(patch, Stage::Completed, Some("Edited b.rs, c.rs, d.rs and 1 more"));
        check(
            r#"{"type":"agentMessage","id":"m","text":"\n\n  Hello\nthere"}"#,
            Stage::Completed,
            Some("Hello"),
        );
        check(r#"{"type":"agentMessage","id":"m","text":"  "}"#, Stage::Completed, None);
        check(
            r#"{"type":"reasoning","id":"r","summary":["**Looking**\nat it"]}"#,
            Stage::Completed,
            Some("Looking"),
        );
        check(r#"{"type":"hologram","id":"h"}"#, Stage::Started, Some("hologram"));
        check(r#"{"type":"userMessage","id":"u","content":[]}"#, Stage::Started, None);

        let long = format!(r#"{{"type":"agentMessage","id":"m","text":"{}"}}"#, "é".repeat(100_000));
        let line = line(&item(&long), Stage::Completed).unwrap();
        assert_eq!(line.chars().count(), ItemEvent::MAX_CHARS);
        assert!(line.ends_with('…'));
    }
}

//! d16: prompts are bytes, whichever way they come.

use codex_testkit::app_server::{Script, Turn};
use codex_testkit::program::ScriptedCodex;

use crate::support::Bed;

/// Texts that shells, argument parsers and template engines like to change.
fn texts() -> Vec<String> {
    [
        "plain",
        "it's \"quoted\" 'twice' \\ and \\\\ back",
        "`date` $(date) ${HOME} $1 !! %PATH% ~",
        "first\nsecond\r\n\tthird\n\n",
        "--json --write -c x=y --background in prose",
        "größer als 世界 🦀 \u{200d}\u{301}",
        "```\nfence\n```\n<system>not really</system>",
        "{{TARGET}} {{CONTEXT}} %s %d {}",
        "ends with spaces   ",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn sent(codex: &ScriptedCodex) -> String {
    let received = codex.received();
    let turn =
        received.iter().rev().find(|message| message["method"] == "turn/start").expect("a turn was started");
    turn["params"]["input"][0]["text"].as_str().expect("a text").to_owned()
}

fn bed() -> (Bed, ScriptedCodex) {
    Bed::scripted(Script::new().turn(Turn::say("Done.")))
}

#[test]
fn d16_one_argument_is_kept_byte_for_byte() {
    let (bed, codex) = bed();
    for text in texts() {
        bed.run(&["task", "--", &text]).exits(0);
        assert_eq!(sent(&codex), text);
    }
    bed.run(&["task", "fix", "--json", "-c", "and the rest"]).exits(0);
    assert_eq!(sent(&codex), "fix --json -c and the rest");
}

#[test]
fn d16_files_and_pipes_are_kept_byte_for_byte() {
    let (bed, codex) = bed();
    let big = "0123456789 äöü \"'\\`$\n".repeat(15_000);
    for text in texts().into_iter().chain([big]) {
        bed.run_with(&["task"], Some(text.as_bytes())).exits(0);
        assert_eq!(sent(&codex), text);
        let file = bed.home.path().join("prompt.md");
        std::fs::write(&file, &text).unwrap();
        bed.run(&["task", "--prompt-file", file.to_str().unwrap()]).exits(0);
        assert_eq!(sent(&codex), text);
    }
}

#[test]
fn d16_a_raw_argument_string_is_flags_then_prompt() {
    let (bed, codex) = bed();
    for text in texts().into_iter().filter(|text| !text.starts_with('-')) {
        bed.run_with(&["task", "--arguments-stdin"], Some(format!("--effort high {text}").as_bytes()))
            .exits(0);
        assert_eq!(sent(&codex), text);
    }
}

#[test]
fn a_prompt_that_is_too_long_is_refused_before_codex_starts() {
    let (bed, codex) = bed();
    let long = "x".repeat(2 * 1024 * 1024);
    bed.run_with(&["task"], Some(long.as_bytes())).exits(2).says(&["2097152 characters", "1048576"]);
    assert!(codex.starts().is_empty());
    bed.run(&["task"]).exits(2).says(&["there is no prompt"]);
}

/// A pipe that is left open and silent must not hang a command that needs nothing from it.
#[test]
fn a_silent_standard_input_is_no_focus_text() {
    let answer = r#"{"verdict":"approve","summary":"Fine.","findings":[],"next_steps":[]}"#;
    let (bed, codex) = Bed::scripted(Script::new().turn(Turn::say(answer)));
    let (reader, _open) = std::io::pipe().unwrap();
    let mut command = bed.command(&["adversarial-review"]);
    let output = command.stdin(reader).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(codex.starts().len(), 1);
    bed.nothing_left();
}

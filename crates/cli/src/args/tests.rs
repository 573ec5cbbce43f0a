use super::*;
use crate::prompt::Source;

fn argv(words: &[&str]) -> Vec<OsString> {
    ["codex-companion"].iter().chain(words).map(OsString::from).collect()
}

#[track_caller]
fn run(words: &[&str]) -> Cli {
    match parse(&argv(words), None, false) {
        Ok(Parsed::Run(cli)) => *cli,
        other => panic!("{words:?} gave {other:?}"),
    }
}

#[track_caller]
fn task(words: &[&str]) -> TaskArgs {
    match run(words).command {
        Command::Task(task) => task,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn prompt(words: &[&str]) -> String {
    match task(words).prompt.source(false).unwrap() {
        Source::Words(words) => words,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(words: &[&str]) -> Failure {
    parse(&argv(words), None, false).expect_err("is wrong usage")
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
    definition().debug_assert();
}

#[test]
fn every_documented_command_line_parses() {
    let lines = [
        "setup --json",
        "setup --enable-review-gate",
        "setup --disable-review-gate --install",
        "review",
        "review --base main --wait --json",
        "review --base main --scope branch",
        "review --commit abc --model spark --effort high --timeout-ms 5 -c a=b -c c=d --format sarif",
        "review --scope working-tree --background",
        "adversarial-review --scope auto --format github look at locking",
        "task --write --resume-last go on",
        "task --resume",
        "task --fresh hello",
        "task --thread abc --background hello",
        "task --read-only --approvals on-request --broker never hello",
        "rescue hello",
        "status",
        "status job-1 --all --json",
        "status --wait --timeout-ms 100",
        "status --watch",
        "result --raw",
        "result job-1 --json",
        "cancel job-1 --json",
        "cancel --all",
        "attach",
        "attach job-1",
        "await a b --timeout-ms 7",
        "resume",
        "task-resume-candidate --json",
        "transfer --source file.jsonl --json",
        "gate --base main --format github --on-error allow",
        "gate install git-pre-push",
        "gate uninstall git-pre-commit",
        "hook session-start",
        "hook session-end",
        "hook prompt-submit",
        "hook prompt-expansion",
        "hook stop",
        "slash review",
        "broker serve",
        "broker status --json",
        "broker stop --force --json",
        "mcp",
        "demo",
        "completions zsh",
        "man",
        "man review",
        "-C /x --codex /bin/codex --quiet review",
        "review --cwd /x --codex=/bin/codex -q",
        "-vv review --log /tmp/log",
        "review -v -v --verbose",
    ];
    for line in lines {
        let cli = run(&line.split(' ').collect::<Vec<_>>());
        let definition = definition();
        let name = definition.find_subcommand(cli.command.name()).expect(line).get_name();
        let aliased = name == "task" && line.contains("rescue");
        assert!(aliased || line.split(' ').any(|word| word == name), "{line} is not {name}");
    }
}

#[test]
fn global_options_are_accepted_before_and_after_the_command() {
    for words in [["-C", "/x", "--quiet", "review"], ["review", "--cwd", "/x", "-q"]] {
        let global = run(&words).global;
        assert_eq!((global.cwd.unwrap().to_str(), global.quiet), (Some("/x"), true));
    }
}

#[test]
fn d16_prompts_are_bytes() {
    let long = "größer \"x\" 世界 ".repeat(20_000);
    let texts = [
        "one",
        "  leading and trailing  ",
        "quotes \" ' ` and \\ backslashes \\n",
        "line\nbreaks\r\n\ttabs\n",
        "use --write and --model x -c y, -- please",
        "$(rm -rf /) `id` ${HOME} $ARGUMENTS !x",
        "naïve 日本語 👩‍💻",
        &long,
    ];
    for text in texts {
        assert_eq!(prompt(&["task", "--write", text]), text);
        assert_eq!(prompt(&["task", "--", text]), text);
    }
    assert_eq!(prompt(&["task", "--", "--write", "is a flag"]), "--write is a flag");
    assert_eq!(prompt(&["task", "-"]), "-");
}

#[test]
fn d16_flags_in_the_prompt_are_text() {
    let words = ["task", "--model", "m", "explain", "--write", "-c", "x", "--", "--unknown", "-q"];
    let parsed = task(&words);
    assert!(!parsed.write);
    assert_eq!(parsed.run.model.as_deref(), Some("m"));
    assert_eq!(prompt(&words), "explain --write -c x -- --unknown -q");
    assert!(!run(&words).global.quiet);
}

#[test]
fn d16_a_raw_argument_string_is_flags_then_the_prompt() {
    let raw = " --model spark --effort=\"very high\" fix  \"it\" --write `x`\n $(y)  ";
    let line = argv(&["task", "--write", "--arguments-stdin"]);
    assert!(matches!(parse(&line, None, false), Ok(Parsed::ReadArguments)));
    let Ok(Parsed::Run(cli)) = parse(&line, Some(raw), false) else { panic!("parses") };
    let Command::Task(task) = cli.command else { panic!("is a task") };
    assert!(task.write);
    assert_eq!(task.run.model.as_deref(), Some("gpt-5.3-codex-spark"));
    assert_eq!(task.run.effort.as_deref(), Some("very high"));
    assert_eq!(task.prompt.source(true).unwrap(), Source::Words("fix  \"it\" --write `x`\n $(y)  ".into()));

    // No prompt: standard input has been read already.
    let Ok(Parsed::Run(cli)) = parse(&line, Some("--effort low"), false) else { panic!("parses") };
    let Command::Task(task) = cli.command else { panic!("is a task") };
    assert!(task.prompt.words.is_empty());

    // Global options are known here too, and a value is not a command.
    let line = argv(&["-C", "review", "task", "--arguments-stdin", "--"]);
    let Ok(Parsed::Run(cli)) = parse(&line, Some("--codex 'a b' -q go on"), false) else { panic!("parses") };
    assert_eq!((cli.global.codex, cli.global.quiet), (Some("a b".into()), true));
    let Command::Task(task) = cli.command else { panic!("is a task") };
    assert_eq!(task.prompt.source(true).unwrap(), Source::Words("go on".into()));

    for (raw, message) in [
        ("--bogus x", "unexpected argument '--bogus' found"),
        ("--model 'x", "cannot read the arguments: the quote ' is not closed"),
        ("--prompt-file -", "standard input cannot provide both the arguments and the prompt"),
    ] {
        assert_eq!(parse(&line, Some(raw), false).unwrap_err().to_string(), message);
    }
}

#[test]
fn any_command_accepts_a_raw_argument_string() {
    let parse = |words: &[&str], raw| match super::parse(&argv(words), Some(raw), false) {
        Ok(Parsed::Run(cli)) => cli.command,
        other => panic!("{other:?}"),
    };
    let Command::Review(review) = parse(&["review"], "--base main --json") else { panic!("is a review") };
    assert_eq!((review.target.base.as_deref(), review.out.format()), (Some("main"), Format::Json));
    let Command::Status(status) = parse(&["status"], " job-1  --json\n") else { panic!("is a status") };
    assert_eq!((status.job.as_deref(), status.out.json), (Some("job-1"), true));
}

#[test]
fn models_have_aliases() {
    for (given, expected) in
        [("spark", "gpt-5.3-codex-spark"), (" Spark ", "gpt-5.3-codex-spark"), ("gpt-5.5", "gpt-5.5")]
    {
        assert_eq!(task(&["task", "-m", given, "x"]).run.model.as_deref(), Some(expected));
    }
    assert_eq!(model(" "), Err("must not be empty".into()));
}

#[test]
fn config_overrides_keep_their_order() {
    let config = task(&["task", "-c", "a.b=1", "--config", "c=\"x = y\"", "x"]).run.config;
    assert_eq!(config, ["a.b=1", "c=\"x = y\""]);
}

#[test]
fn json_selects_the_json_format() {
    let format = |words: &[&str]| match run(words).command {
        Command::Review(review) => review.out.format(),
        other => panic!("{other:?}"),
    };
    assert_eq!(format(&["review"]), Format::Text);
    assert_eq!(format(&["review", "--json"]), Format::Json);
    assert_eq!(format(&["review", "--format", "json"]), Format::Json);
    assert_eq!(format(&["review", "--format", "sarif"]), Format::Sarif);
}

#[test]
fn a_command_line_that_does_not_parse_can_request_json() {
    let table = [
        ("review --bogus --json", true),
        ("review --format json --bogus", true),
        ("review --format=json --bogus", true),
        ("review --format sarif", false),
        ("review --bogus", false),
        ("task --bogus -- --json", false),
    ];
    for (line, expected) in table {
        assert_eq!(asks_for_json(&argv(&line.split(' ').collect::<Vec<_>>())), expected, "{line}");
    }
}

#[test]
fn conflicting_options_are_errors() {
    let lines = [
        "review --wait --background",
        "review --base a --commit b",
        "review --commit b --scope branch",
        "review --base a --scope working-tree",
        "review --json --format sarif",
        "task --write --read-only x",
        "task --resume-last --fresh x",
        "task --resume --thread t x",
        "task --fresh --thread t x",
        "task --prompt-file f x",
        "task --arguments-stdin --prompt-file -",
        "setup --enable-review-gate --disable-review-gate",
        "status --wait --watch",
        "cancel job --all",
    ];
    for line in lines {
        let words = argv(&line.split(' ').collect::<Vec<_>>());
        let failure = parse(&words, None, false).expect_err(line);
        assert_eq!(crate::exit::Exit::from(&failure).code(), 2, "{line}");
    }
}

#[test]
fn wrong_usage_names_the_most_similar_option() {
    let table = [
        ("review --bse main", "unexpected argument '--bse' found", "did you mean `--base`?"),
        ("revew", "unrecognized subcommand 'revew'", "did you mean `review`?"),
        (
            "review --scope brunch",
            "invalid value 'brunch' for '--scope <SCOPE>' [possible values: auto, working-tree, branch]",
            "did you mean `branch`?",
        ),
        (
            "review --timeout-ms 0",
            "invalid value '0' for '--timeout-ms <N>': 0 is not in 1..18446744073709551615",
            "run `codex-companion COMMAND --help` for its options; `--` ends the options",
        ),
        (
            "task -c novalue x",
            "invalid value 'novalue' for '--config <KEY=VALUE>': expected KEY=VALUE",
            "run `codex-companion COMMAND --help` for its options; `--` ends the options",
        ),
        (
            "review check the locks",
            "`review` does not accept a prompt, but got \"check\"",
            "use `codex-companion adversarial-review` to give a focus text",
        ),
        ("", "no command given", "run `codex-companion --help` for the commands"),
    ];
    for (line, message, hint) in table {
        let failure = refused(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(failure.to_string(), message, "{line}");
        assert_eq!(failure.hint(), Some(hint), "{line}");
        assert_eq!((failure.kind(), crate::exit::Exit::from(&failure).code()), (Kind::Usage, 2), "{line}");
    }
}

fn help(words: &[&str], colour: bool) -> String {
    match parse(&argv(words), None, colour) {
        Ok(Parsed::Print(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn help_matches_the_snapshots() {
    // At a fixed width: the tests may run on a narrow terminal.
    let help = |words: &[&str]| {
        let error =
            definition().term_width(100).try_get_matches_from(argv(words)).expect_err("help is an error");
        error.render().to_string()
    };
    insta::assert_snapshot!("help", help(&["--help"]));
    insta::assert_snapshot!("help-review", help(&["review", "--help"]));
    insta::assert_snapshot!("help-task", help(&["task", "--help"]));
}

#[test]
fn help_of_every_command_has_an_example_and_colour_only_on_request() {
    for command in definition().get_subcommands() {
        let plain = help(&[command.get_name(), "--help"], false);
        assert!(plain.contains("Examples:\n"), "{}", command.get_name());
        assert!(!plain.contains('\x1b'));
    }
    assert!(help(&["--help"], true).contains('\x1b'));
}

#[test]
fn completions_and_manual_pages_have_the_commands_of_this_version() {
    use clap::ValueEnum as _;
    for shell in clap_complete::Shell::value_variants() {
        let script = String::from_utf8(completions(*shell)).unwrap();
        assert!(script.contains("adversarial-review"), "{shell}");
    }
    let page = String::from_utf8(man_page(None).unwrap()).unwrap();
    assert!(page.contains("codex\\-companion") && page.contains("adversarial\\-review"));
    let page = String::from_utf8(man_page(Some("review")).unwrap()).unwrap();
    assert!(page.contains("\\-\\-base"));
    assert_eq!(man_page(Some("nothing")).unwrap_err().to_string(), "unknown command `nothing`");
}

#[cfg(unix)]
#[test]
fn a_prompt_that_is_not_utf8_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    let mut words = argv(&["task"]);
    words.push(OsString::from_vec(b"caf\xe9".to_vec()));
    let Ok(Parsed::Run(cli)) = parse(&words, None, false) else { panic!("parses") };
    let Command::Task(task) = cli.command else { panic!("is a task") };
    assert_eq!(task.prompt.source(false).unwrap_err().kind(), Kind::Prompt);
}

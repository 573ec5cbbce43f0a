use super::*;

fn file(text: &str) -> SettingsFile {
    SettingsFile::new("s.toml", text)
}

fn user(text: &str) -> Result<Settings> {
    Settings::resolve(Some(&file(text)), None, &Variables::default(), Flags::default())
}

fn project(text: &str) -> Result<Settings> {
    Settings::resolve(None, Some(&file(text)), &Variables::default(), Flags::default())
}

fn variables(values: &[(&str, &str)]) -> Variables {
    Variables::from_lookup(|name| {
        values.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(value))
    })
}

const ALL: &str = r#"
    codex = "/opt/codex"
    model = "spark"
    effort = "high"
    broker = "never"
    session_end = "cancel"
    gate_reviewer = ["claude", "-p"]
    review_gate = true
    idle_timeout_ms = 1
    turn_timeout_ms = 2
    handshake_timeout_ms = 3
    broker_idle_ms = 0
    child_idle_ms = 5
    gate_timeout_ms = 6
    slash_wait_ms = 7
    [approvals]
    mcp = ["files/read", "web/*"]
"#;

#[test]
fn every_key_is_read() {
    let ms = Duration::from_millis;
    let expected = Settings {
        codex: Some("/opt/codex".into()),
        model: Some("gpt-5.3-codex-spark".into()),
        effort: Some("high".into()),
        broker: BrokerUse::Never,
        session_end: SessionEnd::Cancel,
        approvals_mcp: vec!["files/read".into(), "web/*".into()],
        gate_reviewer: vec!["claude".into(), "-p".into()],
        review_gate: Some(true),
        timeouts: Timeouts {
            idle: ms(1),
            turn: ms(2),
            handshake: ms(3),
            broker_idle: ms(0),
            child_idle: ms(5),
            gate: ms(6),
            slash_wait: ms(7),
        },
    };
    let file = file(ALL);
    let resolved =
        Settings::resolve_with_origins(Some(&file), None, &Variables::default(), Flags::default()).unwrap();
    assert_eq!(resolved.0, expected);
    for key in KEYS {
        assert_eq!(
            resolved.1.get(key.name),
            Some(&Origin::User("s.toml".into())),
            "{key:?} is not in the test"
        );
        assert!(key.value(&expected).is_some(), "{key:?}");
    }
    assert_eq!(user("").unwrap(), Settings::default());
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    for key in KEYS {
        let default = key.value(&Settings::default());
        let documented = key.default.trim_matches('`');
        match default {
            Some(value) => assert_eq!(value.trim_matches('"'), documented, "{key:?}"),
            None => assert!(documented.parse::<u64>().is_err(), "{key:?}"),
        }
    }
}

#[test]
fn flags_win_over_variables_project_options_user_and_defaults() {
    let user = file(
        "model = \"u\"\neffort = \"u\"\ncodex = \"u\"\nturn_timeout_ms = 9\nidle_timeout_ms = 9\nbroker = \"never\"",
    );
    let project = file("model = \"p\"\nturn_timeout_ms = 2\nidle_timeout_ms = 2\nchild_idle_ms = 2");
    let variables = variables(&[
        ("CODEX_COMPANION_CODEX", "e"),
        ("CODEX_COMPANION_IDLE_TIMEOUT_MS", "3"),
        ("CODEX_COMPANION_TURN_TIMEOUT_MS", " 3 "),
        ("CLAUDE_PLUGIN_OPTION_EFFORT", "o"),
        ("CLAUDE_PLUGIN_OPTION_MODEL", "o"),
        ("CLAUDE_PLUGIN_OPTION_REVIEW_GATE", "yes"),
        ("CODEX_COMPANION_EFFORT", ""),
    ]);
    let flags =
        Flags { codex: Some("f".into()), timeout: Some(Duration::from_millis(4)), ..Flags::default() };
    let (settings, origins) =
        Settings::resolve_with_origins(Some(&user), Some(&project), &variables, flags).unwrap();
    let ms = Duration::from_millis;
    assert_eq!(settings.codex, Some("f".into()));
    assert_eq!(settings.model.as_deref(), Some("p"));
    assert_eq!(settings.effort.as_deref(), Some("o"));
    assert_eq!(settings.broker, BrokerUse::Never);
    assert_eq!(settings.review_gate, None);
    let timeouts = &settings.timeouts;
    assert_eq!((timeouts.turn, timeouts.idle, timeouts.child_idle), (ms(4), ms(3), ms(2)));
    assert_eq!(timeouts.gate, ms(840_000));

    let path = || PathBuf::from("s.toml");
    let expected: Origins = [
        ("codex", Origin::Flag),
        ("model", Origin::Project(path())),
        ("effort", Origin::Option("CLAUDE_PLUGIN_OPTION_EFFORT")),
        ("broker", Origin::User(path())),
        ("turn_timeout_ms", Origin::Flag),
        ("idle_timeout_ms", Origin::Variable("CODEX_COMPANION_IDLE_TIMEOUT_MS")),
        ("child_idle_ms", Origin::Project(path())),
    ]
    .into_iter()
    .collect();
    assert_eq!(origins, expected);
}

#[test]
fn a_project_tightens_and_never_loosens() {
    assert_eq!(project("review_gate = true\nmodel = \"m\"").unwrap().review_gate, Some(true));
    let table = [
        (
            "\ncodex = \"./evil\"",
            "s.toml:2: a project cannot set `codex`: it would choose the program that runs",
        ),
        (
            "review_gate = false",
            "s.toml:1: a project cannot set `review_gate` to false: it would turn the gate off",
        ),
        (
            "approvals.mcp = [\"x/*\"]",
            "s.toml:1: a project cannot set `approvals.mcp`: it would approve what the user has not approved",
        ),
    ];
    for (text, message) in table {
        let error = project(text).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.kind()), (message, Kind::Settings));
        assert!(error.hint().is_some());
    }
    // There is no key for the sandbox at all.
    for key in ["sandbox = \"workspace-write\"", "write = true", "approval_policy = \"on-request\""] {
        assert!(project(key).unwrap_err().to_string().contains("unknown key"));
    }
    // More time than without the project is ignored, and so is where it came from.
    let (user, project) =
        (file("idle_timeout_ms = 5"), file("idle_timeout_ms = 6\nturn_timeout_ms = 3600001"));
    let resolved =
        Settings::resolve_with_origins(Some(&user), Some(&project), &Variables::default(), Flags::default());
    let (settings, origins) = resolved.unwrap();
    assert_eq!(settings.timeouts.idle, Duration::from_millis(5));
    assert_eq!(settings.timeouts.turn, Timeouts::default().turn);
    assert_eq!(origins.len(), 1);
    assert_eq!(origins["idle_timeout_ms"], Origin::User("s.toml".into()));
}

#[test]
fn errors_have_the_line_and_the_most_similar_key() {
    let table = [
        ("modle = \"x\"", "s.toml:1: unknown key `modle`", Some("the most similar key is `model`")),
        (
            "# comment\n\nidle_timeout = 5",
            "s.toml:3: unknown key `idle_timeout`",
            Some("the most similar key is `idle_timeout_ms`"),
        ),
        (
            "[approvals]\nmpc = []",
            "s.toml:2: unknown key `approvals.mpc`",
            Some("the most similar key is `approvals.mcp`"),
        ),
        ("model = 5", "s.toml:1: `model` must be the name of a model", None),
        ("broker = \"maybe\"", "s.toml:1: `broker` must be `auto`, `always` or `never`", None),
        ("broker = {}", "s.toml:1: `broker` must be `auto`, `always` or `never`", None),
        ("idle_timeout_ms = 0", "s.toml:1: `idle_timeout_ms` must be a number of milliseconds above 0", None),
        ("broker_idle_ms = -1", "s.toml:1: `broker_idle_ms` must be a number of milliseconds", None),
        (
            "approvals.mcp = [\"x\"]",
            "s.toml:1: `approvals.mcp` must be a list of `server/tool` or `server/*`",
            None,
        ),
        (
            "gate_reviewer = []",
            "s.toml:1: `gate_reviewer` must be a list of a program and its arguments",
            None,
        ),
    ];
    for (text, message, hint) in table {
        let error = user(text).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.hint()), (message, hint));
        assert_eq!(error.kind(), Kind::Settings);
    }
    assert!(user("[other]").unwrap_err().to_string().starts_with("s.toml:1: unknown key `other`"));
    assert!(user("approvals = 5").unwrap_err().to_string().starts_with("s.toml:1: unknown key `approvals`"));
    let error = user("\nmodel = ").unwrap_err();
    assert!(error.to_string().starts_with("s.toml:2: not valid TOML: "), "{error}");
}

/// A project's file can be a link to a secret: its text is in no error.
#[test]
fn e17_errors_have_no_text_of_the_file() {
    let texts = [
        "https://user:secret@example.com\n",
        "secret",
        "model = secret",
        "model = \"secret\nx",
        "PATH=/bin\0TOKEN=secret",
        "codex = \"secret\"",
        "broker = \"secret\"",
        "approvals.mcp = [\"secret\"]",
        "review_gate = \"secret\"",
        "idle_timeout_ms = \"secret\"",
    ];
    for text in texts {
        let error = project(text).unwrap_err();
        let all = format!("{error} {:?} {error:?}", error.hint());
        assert!(!all.contains("secret"), "{all}");
    }
}

#[test]
fn a_variable_that_is_not_a_number_is_an_error() {
    for value in ["soon", "-1", "0", "1.5"] {
        let variables = variables(&[("CODEX_COMPANION_TURN_TIMEOUT_MS", value)]);
        let error = Settings::resolve(None, None, &variables, Flags::default()).unwrap_err();
        let message = format!(
            "CODEX_COMPANION_TURN_TIMEOUT_MS is {value:?}: it must be a number of milliseconds above 0"
        );
        assert_eq!(error.to_string(), message);
    }
    let variables = variables(&[("CODEX_COMPANION_REVIEW_GATE", "no"), ("CLAUDE_PLUGIN_OPTION_MODEL", " ")]);
    assert_eq!(Settings::resolve(None, None, &variables, Flags::default()).unwrap(), Settings::default());
}

#[test]
fn a_file_that_does_not_exist_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(PROJECT_FILE);
    assert!(SettingsFile::read(&path).unwrap().is_none());
    std::fs::write(&path, "model = \"m\"").unwrap();
    assert_eq!(SettingsFile::read(&path).unwrap().unwrap().entries().unwrap().len(), 1);
    let error = SettingsFile::read(directory.path()).unwrap_err();
    assert_eq!(error.kind(), Kind::Settings);
}

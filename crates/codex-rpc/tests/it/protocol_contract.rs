//! The typed protocol against the schema that the installed Codex generates.
//!
//! `CODEX_COMPANION_TEST_CODEX` names the `codex` to ask. Without it these tests say that they were left out, and pass;
//! `cargo xtask test` sets it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use codex_rpc::protocol::{
    account::*, approval::*, config::*, initialize::*, item::*, model::*, notification::*, review::*,
    server_request::*, thread::*, turn::*, *,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Notifications of Codex 0.169.0 that we carry as `Other` on purpose: nothing that we do depends on them.
const OTHER_NOTIFICATIONS: &[&str] = &[
    "account/gatewayOAuth/changed",
    "app/list/updated",
    "autoApprovalReview/strictReviewRequired",
    "command/exec/outputDelta",
    "fs/changed",
    "fuzzyFileSearch/sessionCompleted",
    "fuzzyFileSearch/sessionUpdated",
    "item/autoApprovalReview/completed",
    "item/autoApprovalReview/started",
    "mcpServer/event/stream/notification",
    "mcpServer/oauthLogin/completed",
    "model/safetyBuffering/updated",
    "model/verification",
    "process/exited",
    "process/outputDelta",
    "project/changed",
    "remoteControl/status/changed",
    "skills/changed",
    "thread/attachment/updated",
    "thread/environment/connected",
    "thread/environment/disconnected",
    "thread/goal/cleared",
    "thread/goal/updated",
    "thread/prediction/updated",
    "thread/project/updated",
    "thread/queue/changed",
    "thread/readState/changed",
    "thread/realtime/closed",
    "thread/realtime/error",
    "thread/realtime/item/completed",
    "thread/realtime/item/started",
    "thread/realtime/item/transcript/delta",
    "thread/realtime/itemAdded",
    "thread/realtime/outputAudio/delta",
    "thread/realtime/sdp",
    "thread/realtime/started",
    "thread/realtime/transcript/delta",
    "thread/realtime/transcript/done",
    "thread/reverted",
    "thread/section/changed",
    "thread/settings/updated",
    "turn/moderationMetadata",
    "windows/worldWritableWarning",
    "windowsSandbox/setupCompleted",
];

/// The JSON Schemas that `codex app-server generate-json-schema --experimental` writes, as text, by path without `.json`.
struct Schemas {
    files: BTreeMap<String, String>,
}

/// The schemas of the installed Codex; `None` if no Codex is named, which is told once a test.
fn schemas() -> Option<&'static Schemas> {
    static SCHEMAS: OnceLock<Option<Schemas>> = OnceLock::new();
    let schemas = SCHEMAS.get_or_init(|| {
        let codex = std::env::var_os("CODEX_COMPANION_TEST_CODEX")?;
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("schema-{}", std::process::id()));
        let (folder, home) = (scratch.join("schema"), scratch.join("home"));
        std::fs::create_dir_all(&home).unwrap();
        let mut child = Command::new(codex)
            .args(["app-server", "generate-json-schema", "--experimental", "--out"])
            .arg(&folder)
            .env("CODEX_HOME", &home)
            .env("HOME", &home)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("CODEX_COMPANION_TEST_CODEX names a program that starts");
        let limit = Instant::now() + Duration::from_secs(120);
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > limit => {
                    child.kill().unwrap();
                    panic!("codex did not write its schema within two minutes");
                }
                None => std::thread::sleep(Duration::from_millis(10)), // sleep: between two looks, with a limit
            }
        };
        assert!(status.success(), "codex app-server generate-json-schema: {status}");
        let mut files = BTreeMap::new();
        for below in ["", "v1", "v2"] {
            for entry in std::fs::read_dir(folder.join(below)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "json") {
                    let name = path.strip_prefix(&folder).unwrap().with_extension("");
                    let name = name.to_str().unwrap().replace('\\', "/");
                    files.insert(name, std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        std::fs::remove_dir_all(&scratch).unwrap();
        Some(Schemas { files })
    });
    if schemas.is_none() {
        eprintln!(
            "left out: CODEX_COMPANION_TEST_CODEX is not set, so there is no Codex whose schema could be compared"
        );
    }
    schemas.as_ref()
}

impl Schemas {
    fn file(&self, name: &str) -> Value {
        let text = self.files.get(name);
        serde_json::from_str(text.unwrap_or_else(|| panic!("the schema {name} is not there any more")))
            .unwrap()
    }

    /// The methods of `ClientRequest`, `ServerRequest` or `ServerNotification`.
    fn methods(&self, union: &str) -> BTreeSet<String> {
        let union = self.file(union);
        let variants = union["oneOf"].as_array().unwrap();
        variants
            .iter()
            .map(|variant| variant["properties"]["method"]["enum"][0].as_str().unwrap().to_owned())
            .collect()
    }

    /// The schema of the params of one method.
    fn params(&self, union: &str, method: &str) -> Value {
        let union = self.file(union);
        let variants = union["oneOf"].as_array().unwrap();
        let variant = variants.iter().find(|variant| variant["properties"]["method"]["enum"][0] == method);
        let variant = variant.unwrap_or_else(|| panic!("{method} is not there any more"));
        let mut schema = variant["properties"]["params"].clone();
        schema["definitions"] = union["definitions"].clone();
        schema
    }
}

/// Forbids members that a schema does not name, so that a misspelt one is found.
fn strict(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") && !members.contains_key("additionalProperties") {
                members.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            members.values_mut().for_each(strict);
        }
        Value::Array(items) => items.iter_mut().for_each(strict),
        _ => {}
    }
}

/// What is wrong with a value, members that the schema does not name included.
fn mistakes(mut schema: Value, value: &Value) -> Vec<String> {
    strict(&mut schema);
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(value).map(|error| format!("{error} at {}", error.instance_path())).collect()
}

#[track_caller]
fn validate(schema: Value, value: &impl Serialize, what: &str) {
    let value = serde_json::to_value(value).unwrap();
    let mistakes = mistakes(schema, &value);
    assert!(mistakes.is_empty(), "{what}: {value}: {mistakes:#?}");
}

#[test]
fn the_comparison_finds_mistakes() {
    let Some(schemas) = schemas() else { return };
    let check = |params: Value, right: bool| {
        let mistakes = mistakes(schemas.params("ClientRequest", "turn/start"), &params);
        assert_eq!(mistakes.is_empty(), right, "{params}: {mistakes:?}");
    };
    let text = json!([{ "type": "text", "text": "x" }]);
    check(json!({ "threadId": "t", "input": text }), true);
    check(json!({ "threadId": "t", "input": text, "effrot": "high" }), false);
    check(json!({ "threadId": "t" }), false);
    check(json!({ "threadId": 7, "input": text }), false);
    check(json!({ "threadId": "t", "input": text, "sandboxPolicy": { "type": "readonly" } }), false);
    check(
        json!({ "threadId": "t", "input": text, "sandboxPolicy": { "type": "readOnly", "networkacces": true } }),
        false,
    );
}

fn from_json<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

#[test]
fn what_we_ask_is_what_codex_takes() {
    let Some(schemas) = schemas() else { return };
    fn check<P: ClientRequest>(schemas: &Schemas, samples: impl IntoIterator<Item = P>) {
        for params in samples {
            validate(schemas.params("ClientRequest", P::METHOD), &params, P::METHOD);
        }
    }
    let thread = || ThreadId::from("01a1f6e7-f8b0-7790-9668-04274af79c1c");
    let turn = || TurnId::from("01a1f6e7-f8ce-71d2-8e03-758dfe0e5704");

    let mut initialize = InitializeParams::new("codex-companion", "0.1.0");
    initialize.client_info.title = Some("Codex companion".to_owned());
    let mut capabilities = InitializeCapabilities::new();
    capabilities.experimental_api = true;
    capabilities.opt_out_notification_methods = vec!["turn/diff/updated".to_owned()];
    initialize.capabilities = Some(capabilities);
    check(schemas, [InitializeParams::new("x", "0"), initialize]);

    let full = json!({ "cwd": "/w", "approvalPolicy": "never", "sandbox": "read-only", "ephemeral": true, "model": "m",
        "modelProvider": "p", "config": { "model_reasoning_effort": "high" }, "serviceName": "s",
        "developerInstructions": "d" });
    check(schemas, [ThreadStartParams::new(), from_json(full)]);
    let full = json!({ "threadId": "t", "cwd": "/w", "approvalPolicy": "on-request", "sandbox": "workspace-write",
        "model": "m", "config": {}, "excludeTurns": true });
    check(schemas, [ThreadResumeParams::new(thread()), from_json(full)]);
    let full = json!({ "threadId": "t", "lastTurnId": "u", "cwd": "/w", "approvalPolicy": "untrusted",
        "sandbox": "danger-full-access", "model": "m", "ephemeral": true, "excludeTurns": true });
    check(schemas, [ThreadForkParams::new(thread()), from_json(full)]);
    let mut with_turns = ThreadReadParams::new(thread());
    with_turns.include_turns = true;
    check(schemas, [ThreadReadParams::new(thread()), with_turns]);
    let full = json!({ "cursor": "c", "limit": 20, "sortKey": "updated_at", "cwd": "/w", "searchTerm": "s",
        "sourceKinds": ["vscode", "cli"], "archived": false });
    check(schemas, [ThreadListParams::new(), from_json(full)]);
    check(schemas, [ThreadArchiveParams::new(thread())]);
    check(schemas, [ThreadUnsubscribeParams::new(thread())]);
    check(schemas, [ThreadSetNameParams::new(thread(), "A name")]);
    check(schemas, [ThreadCompactStartParams::new(thread())]);
    check(schemas, [ThreadBackgroundTerminalsCleanParams::new(thread())]);

    let mut write = TurnStartParams::text(thread(), "do \"it\"\n");
    write.cwd = Some("/w".to_owned());
    write.approval_policy = Some(ApprovalPolicy::OnRequest);
    write.sandbox_policy = Some(SandboxPolicy::workspace_write());
    write.model = Some("m".to_owned());
    write.effort = Some("unheard-of".to_owned());
    write.output_schema = Some(json!({ "type": "object" }));
    let mut read = TurnStartParams::text(thread(), "");
    read.sandbox_policy = Some(SandboxPolicy::read_only());
    let mut free = from_json::<TurnStartParams>(json!({ "threadId": "t", "input": [
        { "type": "localImage", "path": "/w/a.png" }, { "type": "skill", "name": "s", "path": "/w/s" },
        { "type": "mention", "name": "f", "path": "/w/f" } ] }));
    free.sandbox_policy = Some(SandboxPolicy::DangerFullAccess);
    check(schemas, [TurnStartParams::text(thread(), "x"), write, read, free]);
    check(schemas, [TurnSteerParams::text(thread(), turn(), "also this")]);
    check(schemas, [TurnInterruptParams::new(thread(), turn())]);

    let mut inline = ReviewStartParams::new(thread(), ReviewTarget::UncommittedChanges);
    inline.delivery = Some("inline".to_owned());
    let targets = [
        ReviewTarget::BaseBranch { branch: "main".to_owned() },
        ReviewTarget::Commit { sha: "0".repeat(40), title: None },
        ReviewTarget::Commit { sha: "0".repeat(40), title: Some("Subject".to_owned()) },
        ReviewTarget::Custom { instructions: "Look".to_owned() },
    ];
    check(
        schemas,
        targets.map(|target| ReviewStartParams::new(thread(), target)).into_iter().chain([inline]),
    );

    let full = json!({ "cursor": "c", "limit": 5, "includeHidden": true });
    check(schemas, [ModelListParams::new(), from_json(full)]);
    check(schemas, [AccountReadParams::new(), from_json(json!({ "refreshToken": true }))]);
    let full = json!({ "excludeResetCreditDetails": true });
    check(schemas, [AccountRateLimitsReadParams::new(), from_json(full)]);
    let key = LoginStartParams::ApiKey { api_key: "k".to_owned() };
    check(schemas, [key, LoginStartParams::Chatgpt, LoginStartParams::ChatgptDeviceCode]);
    check(schemas, [ConfigReadParams::new(), from_json(json!({ "includeLayers": true, "cwd": "/w" }))]);
    let full = json!({ "includeHome": true, "cwds": ["/w"], "maxSessionAgeDays": 30, "maxSessions": 5 });
    check(schemas, [ExternalAgentConfigDetectParams::new(), from_json(full)]);
    let session = |title: Option<&str>| MigrationItem::session("/h/s.jsonl", "/w", title);
    let mut import = ExternalAgentConfigImportParams::new(vec![session(None), session(Some("A session"))]);
    import.source = Some("codex-companion".to_owned());
    check(schemas, [ExternalAgentConfigImportParams::new(Vec::new()), import]);

    let notification = schemas.file("ClientNotification");
    validate(notification, &json!({ "method": Initialized::METHOD }), Initialized::METHOD);
}

#[test]
fn what_we_answer_is_what_codex_takes() {
    let Some(schemas) = schemas() else { return };
    let check = |name: &str, answer: Value| validate(schemas.file(name), &answer, name);
    fn json(answer: impl Serialize) -> Value {
        serde_json::to_value(answer).unwrap()
    }
    use ApprovalDecision::*;
    for decision in [Accept, AcceptForSession, Decline, Cancel] {
        check("CommandExecutionRequestApprovalResponse", json(ApprovalResponse::new(decision.clone())));
        check("FileChangeRequestApprovalResponse", json(ApprovalResponse::new(decision)));
    }
    check("PermissionsRequestApprovalResponse", json(PermissionsApprovalResponse::nothing()));
    check("ToolRequestUserInputResponse", json(ToolUserInputResponse::unanswered()));
    let answers = json!({ "answers": { "q": { "answers": ["yes"] } } });
    check("ToolRequestUserInputResponse", json(from_json::<ToolUserInputResponse>(answers)));
    check("DynamicToolCallResponse", json(DynamicToolCallResponse::text("no", false)));
    for answer in [
        McpElicitationResponse::accept(),
        McpElicitationResponse::decline(),
        McpElicitationResponse::cancel(),
    ] {
        check("McpServerElicitationRequestResponse", json(answer));
    }
    check("ChatgptAuthTokensRefreshResponse", json(ChatgptAuthTokens::new("token", "account")));
    check("AttestationGenerateResponse", json(AttestationResponse::new("token")));
    check("CurrentTimeReadResponse", json(CurrentTimeResponse::new(1_795_143_760)));
    let denied = ReviewDecision::Denied { rejection: "no".to_owned() };
    for decision in
        [ReviewDecision::Approved, ReviewDecision::ApprovedForSession, denied, ReviewDecision::Abort]
    {
        check("ExecCommandApprovalResponse", json(ReviewDecisionResponse::new(decision.clone())));
        check("ApplyPatchApprovalResponse", json(ReviewDecisionResponse::new(decision)));
    }
}

#[test]
fn every_method_of_the_server_is_known_or_left_out_on_purpose() {
    let Some(schemas) = schemas() else { return };
    let known =
        |methods: &[&str]| -> BTreeSet<String> { methods.iter().map(|&method| method.to_owned()).collect() };
    let new = |union: &str, known: &BTreeSet<String>| -> Vec<String> {
        schemas.methods(union).difference(known).cloned().collect()
    };
    let notifications = &known(ServerNotification::METHODS) | &known(OTHER_NOTIFICATIONS);
    assert_eq!(new("ServerNotification", &notifications), [""; 0], "new notifications");
    assert_eq!(new("ServerRequest", &known(ServerRequest::METHODS)), [""; 0], "new server requests");
    // And nothing that we read has gone.
    let gone: Vec<String> =
        notifications.difference(&schemas.methods("ServerNotification")).cloned().collect();
    assert_eq!(gone, [""; 0], "notifications that are not sent any more");
}

#[test]
fn every_kind_of_item_is_known() {
    let Some(schemas) = schemas() else { return };
    let schema = schemas.params("ServerNotification", "item/completed");
    let mut samples = Samples::new(&schema["definitions"]);
    for variant in schema["definitions"]["ThreadItem"]["oneOf"].as_array().unwrap() {
        for _ in 0..20 {
            let mut value = samples.value(variant, 0);
            if value.get("id").is_none() {
                value["id"] = "i".into();
            }
            let item: ThreadItem = from_json(value.clone());
            assert!(!matches!(item, ThreadItem::Other(_)), "an item that we do not know: {value}");
        }
    }
}

#[test]
fn samples_of_what_codex_tells_are_understood() {
    let Some(schemas) = schemas() else { return };
    for method in ServerNotification::METHODS {
        let schema = schemas.params("ServerNotification", method);
        for novel in [false, true] {
            let mut samples = Samples::new(&schema["definitions"]);
            samples.novel = novel;
            for _ in 0..50 {
                let params = samples.value(&schema, 0).to_string();
                let read = ServerNotification::parse(method, Some(params.as_bytes()));
                let read = read.unwrap_or_else(|error| panic!("{method}: {}: {params}", error.cause));
                assert!(!matches!(read, ServerNotification::Other { .. }));
            }
        }
    }
    for method in ServerRequest::METHODS {
        let schema = schemas.params("ServerRequest", method);
        for novel in [false, true] {
            let mut samples = Samples::new(&schema["definitions"]);
            samples.novel = novel;
            for _ in 0..50 {
                let params = samples.value(&schema, 0).to_string();
                let read = ServerRequest::parse(method, Some(params.as_bytes()));
                read.unwrap_or_else(|error| panic!("{method}: {}: {params}", error.cause));
            }
        }
    }
}

#[test]
fn samples_of_answers_are_understood() {
    let Some(schemas) = schemas() else { return };
    fn check<P: ClientRequest>(schemas: &Schemas, file: &str) {
        let schema = schemas.file(file);
        for novel in [false, true] {
            let mut samples = Samples::new(&schema["definitions"]);
            samples.novel = novel;
            for _ in 0..50 {
                let answer = samples.value(&schema, 0);
                let read: Result<P::Response, _> = serde_json::from_str(&answer.to_string());
                read.map(drop).unwrap_or_else(|error| panic!("{}: {error}: {answer}", P::METHOD));
            }
        }
    }
    check::<InitializeParams>(schemas, "v1/InitializeResponse");
    check::<ThreadStartParams>(schemas, "v2/ThreadStartResponse");
    check::<ThreadResumeParams>(schemas, "v2/ThreadResumeResponse");
    check::<ThreadForkParams>(schemas, "v2/ThreadForkResponse");
    check::<ThreadReadParams>(schemas, "v2/ThreadReadResponse");
    check::<ThreadListParams>(schemas, "v2/ThreadListResponse");
    check::<ThreadArchiveParams>(schemas, "v2/ThreadArchiveResponse");
    check::<ThreadUnsubscribeParams>(schemas, "v2/ThreadUnsubscribeResponse");
    check::<ThreadSetNameParams>(schemas, "v2/ThreadSetNameResponse");
    check::<ThreadCompactStartParams>(schemas, "v2/ThreadCompactStartResponse");
    check::<ThreadBackgroundTerminalsCleanParams>(schemas, "v2/ThreadBackgroundTerminalsCleanResponse");
    check::<TurnStartParams>(schemas, "v2/TurnStartResponse");
    check::<TurnSteerParams>(schemas, "v2/TurnSteerResponse");
    check::<TurnInterruptParams>(schemas, "v2/TurnInterruptResponse");
    check::<ReviewStartParams>(schemas, "v2/ReviewStartResponse");
    check::<ModelListParams>(schemas, "v2/ModelListResponse");
    check::<AccountReadParams>(schemas, "v2/GetAccountResponse");
    check::<AccountRateLimitsReadParams>(schemas, "v2/GetAccountRateLimitsResponse");
    check::<LoginStartParams>(schemas, "v2/LoginAccountResponse");
    check::<ConfigReadParams>(schemas, "v2/ConfigReadResponse");
    check::<ExternalAgentConfigDetectParams>(schemas, "v2/ExternalAgentConfigDetectResponse");
    check::<ExternalAgentConfigImportParams>(schemas, "v2/ExternalAgentConfigImportResponse");
}

/// Makes values that follow a JSON Schema, the same ones in every run.
struct Samples<'a> {
    definitions: &'a Value,
    state: u64,
    /// Writes values that no schema names where enums are asked for, as a newer server would.
    novel: bool,
}

impl<'a> Samples<'a> {
    /// Optional members are left out below this depth, so that every value is finite.
    const DEPTH: usize = 8;

    fn new(definitions: &'a Value) -> Self {
        Self { definitions, state: 0x9e37_79b9_7f4a_7c15, novel: false }
    }

    /// A number below `bound`, from xorshift.
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % bound as u64).unwrap()
    }

    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap();
            return self.value(&self.definitions[name], depth + 1);
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(values) = schema["enum"].as_array() {
            let novel = self.novel && values[0].is_string() && self.below(4) == 0;
            return if novel { "brandNew".into() } else { values[self.below(values.len())].clone() };
        }
        let mut value = self.typed(schema, depth);
        for key in ["allOf", "anyOf", "oneOf"] {
            let Some(parts) = schema[key].as_array() else { continue };
            let chosen =
                if key == "allOf" { parts.clone() } else { vec![parts[self.below(parts.len())].clone()] };
            for part in &chosen {
                let part = self.value(part, depth);
                match (&mut value, part) {
                    (Value::Object(members), Value::Object(more)) => members.extend(more),
                    (value, part) => *value = part,
                }
            }
        }
        value
    }

    fn typed(&mut self, schema: &Value, depth: usize) -> Value {
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().unwrap()).collect(),
            _ if schema.get("properties").is_some() => vec!["object"],
            _ => return json!([null, 7, "any", { "any": [1] }])[self.below(4)].clone(),
        };
        match kinds[self.below(kinds.len())] {
            "null" => Value::Null,
            "boolean" => (self.below(2) == 0).into(),
            "integer" => json!([0, 1, 200, 1_795_143_760])[self.below(4)].clone(),
            "number" => json!([0, 1, 2.5])[self.below(3)].clone(),
            "string" => json!(["", "text", "é\u{1b}[0m\n", "/w/a.rs"])[self.below(4)].clone(),
            "array" => {
                let length = if depth > Self::DEPTH { 0 } else { self.below(3) };
                (0..length).map(|_| self.value(&schema["items"], depth + 1)).collect()
            }
            "object" => self.object(schema, depth),
            kind => panic!("a type of JSON that is none: {kind}"),
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut members = Map::new();
        let required =
            |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            if required(name) || depth <= Self::DEPTH && self.below(2) == 0 {
                members.insert(name.clone(), self.value(member, depth + 1));
            }
        }
        match &schema["additionalProperties"] {
            Value::Object(_) if depth <= Self::DEPTH => {
                let value = self.value(&schema["additionalProperties"], depth + 1);
                members.insert("anyKey".to_owned(), value);
            }
            Value::Null => {
                members.insert("aMemberOfTomorrow".to_owned(), json!({ "deep": [1, null] }));
            }
            _ => {}
        }
        Value::Object(members)
    }
}

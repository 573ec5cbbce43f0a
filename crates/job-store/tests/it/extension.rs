//! The fields that callers keep with a job, and the records of release 0.1.0, which have them as members of their own.

use std::fs;

use codex_job_store::codex::CodexFields;
use codex_job_store::{ErrorKind, JobId, JobOutcome, JobUpdate, Record, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{Home, all, new_job};

/// A finished task, as release 0.1.0 writes it.
const FINISHED: &str = concat!(
    r#"{"version":2,"id":"job-1m8kqj0xr-41j9qa","kind":"task","kindLabel":"task","jobClass":"task","#,
    r#""title":"Codex Task","summary":"Done.","status":"completed","phase":"done","model":"m","effort":"high","#,
    r#""write":false,"exitCode":0,"workspaceRoot":"/w/app","sessionId":"s1","threadId":"t1","turnId":"u1","#,
    r#""createdAt":"2026-11-29T13:22:51.960Z","startedAt":"2026-11-29T13:22:52.007Z","#,
    r#""updatedAt":"2026-11-29T13:22:52.036Z","completedAt":"2026-11-29T13:22:52.036Z","#,
    r#""logFile":"/state/jobs/job-1m8kqj0xr-41j9qa.log","sequence":2,"extra":{"note":"kept"},"#,
    r#""request":{"prompt":"do it"},"result":{"rawOutput":"Done."},"rendered":"Done.\n"}"#,
);

/// A queued task, as release 0.1.0 writes it.
const QUEUED: &str = concat!(
    r#"{"version":2,"id":"job-1m8kqjgzq-b7za4e","kind":"task","kindLabel":"task","jobClass":"task","#,
    r#""title":"Codex Task","summary":"do it","status":"queued","phase":"queued","model":"m","effort":"high","#,
    r#""write":true,"workspaceRoot":"/w/app","pid":4000000,"createdAt":"2026-11-29T13:22:51.960Z","#,
    r#""updatedAt":"2026-11-29T13:22:51.960Z","logFile":"/state/jobs/job-1m8kqjgzq-b7za4e.log","#,
    r#""sequence":1,"request":{"prompt":"do it"}}"#,
);

fn members(value: &Value) -> Vec<&str> {
    let mut members: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    members
}

#[test]
fn a_record_of_0_1_0_is_read_and_written_with_the_same_members() {
    for text in [FINISHED, QUEUED] {
        let before: Value = serde_json::from_str(text).unwrap();
        let record: Record = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&record).unwrap(), before);
        let codex = record.job.codex();
        assert_eq!(codex.kind_label.as_deref(), Some("task"));
        assert_eq!((codex.model.as_deref(), codex.effort.as_deref()), (Some("m"), Some("high")));
        assert_eq!(codex.write.as_ref(), before["write"].as_bool().as_ref());
        assert_eq!(codex.thread_id.as_deref(), before["threadId"].as_str());
        assert_eq!(codex.turn_id.as_deref(), before["turnId"].as_str());
        assert_eq!((record.job.attempt, record.job.retry_of), (1, None));
    }
}

#[test]
fn a_queued_record_of_0_1_0_is_run_and_stays_readable_by_0_1_0() {
    let home = Home::new();
    let store = home.store();
    let id: JobId = "job-1m8kqjgzq-b7za4e".parse().unwrap();
    fs::create_dir_all(home.jobs()).unwrap();
    fs::write(home.jobs().join(format!("{id}.json")), format!("{QUEUED}\n")).unwrap();
    fs::write(home.jobs().join(format!("{id}.lease")), "").unwrap();

    let lease = store.lease(&id).unwrap();
    assert_eq!(lease.record().request.unwrap().get(), r#"{"prompt":"do it"}"#);
    let ids = CodexFields::new().thread_id("t1").turn_id("u1");
    lease.update(&JobUpdate::new().phase("running").extension(&ids).unwrap()).unwrap();
    lease.finish(&JobOutcome::completed().rendered("Done.\n").exit_code(0)).unwrap();

    let written: Value =
        serde_json::from_slice(&fs::read(home.jobs().join(format!("{id}.json"))).unwrap()).unwrap();
    let mut expected = members(&serde_json::from_str(QUEUED).unwrap()).join(" ");
    expected = expected.replace("pid ", "") + " threadId turnId startedAt completedAt exitCode rendered";
    let mut expected: Vec<&str> = expected.split(' ').collect();
    expected.sort_unstable();
    assert_eq!(members(&written), expected, "no member is new to 0.1.0");
    let values = ["kindLabel", "model", "effort", "write", "threadId", "turnId"].map(|name| &written[name]);
    assert_eq!(json!(values), json!(["task", "m", "high", true, "t1", "u1"]));
    assert_eq!(all(&store)[0].status, Status::Completed);
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Own {
    colour: Option<String>,
    size: u32,
}

#[test]
fn a_caller_keeps_fields_of_its_own() {
    let home = Home::new();
    let store = home.store();
    let own = |colour: &str, size| Own { colour: Some(colour.to_owned()), size };
    let codex = CodexFields::new().model("m");
    let new = new_job("own").extension(&own("red", 1)).unwrap().extension(&codex).unwrap();
    let job = store.create(new).unwrap();
    assert_eq!(job.extension::<Own>().unwrap(), own("red", 1));
    let lease = store.lease(&job.id).unwrap();
    lease.update(&JobUpdate::new().extension(&json!({ "colour": null })).unwrap()).unwrap();
    let ended = lease.finish(&JobOutcome::completed().extension(&json!({ "size": 2 })).unwrap()).unwrap();
    assert_eq!(ended.extension::<Own>().unwrap(), Own { colour: None, size: 2 });
    assert_eq!(ended.codex(), codex, "fields of another type stay");
    assert_eq!(all(&store), [ended]);
}

#[test]
fn fields_that_are_not_an_extension_are_refused() {
    let invalid = |value: Value| new_job("x").extension(&value).unwrap_err().kind();
    assert_eq!(invalid(json!({ "status": "completed" })), ErrorKind::InvalidInput);
    assert_eq!(invalid(json!(["x"])), ErrorKind::InvalidInput);
    let home = Home::new();
    let job = home.store().create(new_job("x").extension(&json!({ "size": "large" })).unwrap()).unwrap();
    assert_eq!(job.extension::<Own>().unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(job.codex(), CodexFields::new());
}

//! The scripted app-server does what the real one was recorded to do.

use codex_testkit::app_server::{Script, ScriptedAppServer, Step, Turn};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::shape::{assert_same, shape};

const TURN: &str = include_str!("../../fixtures/turn.jsonl");
const REVIEW: &str = include_str!("../../fixtures/review.jsonl");

fn recorded(transcript: &str) -> Vec<(String, Value)> {
    let entries = transcript.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries.map(|mut entry| (entry["dir"].as_str().unwrap().to_owned(), entry["msg"].take())).collect()
}

/// Asks a scripted server what the recorded client asked, each request once the one before it is answered, and gives
/// what it said up to the end of the turn.
async fn replay(script: Script, transcript: &str) -> Vec<Value> {
    let (_server, stream) = ScriptedAppServer::in_memory(script);
    let (reader, mut writer) = tokio::io::split(stream);
    let mut lines = BufReader::new(reader).lines();
    let mut said: Vec<Value> = Vec::new();
    let mut thread = Value::Null;
    for (_, mut message) in recorded(transcript).into_iter().filter(|(direction, _)| direction == "c->s") {
        if message["params"].get("threadId").is_some() {
            message["params"]["threadId"] = thread.clone();
        }
        writer.write_all(format!("{message}\n").as_bytes()).await.unwrap();
        let Some(id) = message.get("id") else { continue };
        while said.last().is_none_or(|last| last.get("id") != Some(id)) {
            said.push(serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap());
        }
        if message["method"] == "thread/start" {
            thread = said[said.len() - 1]["result"]["thread"]["id"].clone();
        }
    }
    while said[said.len() - 1]["method"] != "turn/completed" {
        said.push(serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap());
    }
    said
}

async fn check(script: Script, transcript: &str) {
    let from_server = recorded(transcript).into_iter().filter(|(direction, _)| direction == "s->c");
    let real: Vec<String> = from_server.map(|(_, message)| shape(&message)).collect();
    let said = replay(script, transcript).await;
    assert_same(&real, &said.iter().map(shape).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_turn_is_as_recorded() {
    check(Script::new().turn(Turn::say("OK from mock.")), TURN).await;
}

#[tokio::test]
async fn a_review_is_as_recorded() {
    check(Script::new().review(Turn::say("{\"findings\":[]}")), REVIEW).await;
}

#[tokio::test]
#[should_panic(expected = "differs")]
async fn another_turn_is_not_as_recorded() {
    check(Script::new().turn(Step::fail("no")), TURN).await;
}

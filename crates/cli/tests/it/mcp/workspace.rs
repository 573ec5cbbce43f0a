//! Where calls work.

use codex_testkit::app_server::{Script, Turn};
use codex_testkit::git::Repo;
use serde_json::{Value, json};

use super::{Bed, Client, id};

fn root(repo: &Repo) -> Value {
    json!({"uri": format!("file://{}", repo.path().display())})
}

fn workspace_of(client: &mut Client, arguments: &Value) -> String {
    let result = client.call("job_status", arguments);
    result["structuredContent"]["workspaceRoot"].as_str().unwrap_or_else(|| panic!("{result}")).to_owned()
}

fn real(repo: &Repo) -> String {
    repo.path().canonicalize().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn the_clients_roots_are_where_calls_work() {
    let (bed, _codex) = Bed::scripted(Script::new().turn(Turn::say("Done.")));
    let (one, two, stranger) = (Repo::with_commit(), Repo::with_commit(), Repo::with_commit());
    let mut client = Client::with(&bed, &["mcp"], &json!({"roots": {"listChanged": true}}));
    client.roots = Some(json!([root(&one)]));
    assert_eq!(workspace_of(&mut client, &json!({})), real(&one));
    let job_id = id(&client.call("task", &json!({"prompt": "x"})));
    // Asked once, and again when they have changed.
    assert_eq!(workspace_of(&mut client, &json!({})), real(&one));
    assert_eq!(client.told.iter().filter(|told| told["method"] == "roots/list").count(), 1);
    client.roots = Some(json!([root(&one), root(&two), {"uri": "http://elsewhere/"}]));
    client.notify("notifications/roots/list_changed", &json!({}));
    let changed = |client: &mut Client| {
        let result = client.call("job_status", &json!({}));
        (result["isError"] == true).then_some(result)
    };
    let several = crate::support::wait(|| changed(&mut client)).expect("the roots are asked for again");
    let hint = several["structuredContent"]["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("workspace") && hint.contains(&real(&one)) && hint.contains(&real(&two)), "{hint}");
    assert_eq!(workspace_of(&mut client, &json!({"workspace": real(&two)})), real(&two));
    // A job is found by its id alone.
    let found = client.call("job_result", &json!({"job_id": job_id}));
    assert_eq!(found["structuredContent"]["job"]["id"], json!(job_id));
    let outside = client.call("task", &json!({"prompt": "x", "workspace": real(&stranger)}));
    assert!(Client::text(&outside).contains("outside of the client's roots"), "{outside}");
    let nowhere = client.call("task", &json!({"prompt": "x", "workspace": "no-such-folder"}));
    assert!(Client::text(&nowhere).contains("no directory"), "{nowhere}");
    client.finish();
    bed.nothing_left();
}

#[test]
fn without_roots_calls_work_where_the_server_was_started() {
    let (bed, _codex) = Bed::scripted(Script::new());
    let parent = tempfile::tempdir().unwrap();
    let inner = parent.path().join("inner");
    std::fs::create_dir_all(inner.join(".git")).unwrap();
    let mut client = Client::new(&bed);
    assert_eq!(workspace_of(&mut client, &json!({})), real(&bed.repo));
    let outside = client.call("review", &json!({"workspace": inner}));
    assert!(Client::text(&outside).contains("-C DIR"), "{outside}");
    client.finish();
    let mut client = Client::with(&bed, &["mcp", "-C", parent.path().to_str().unwrap()], &json!({}));
    let found = workspace_of(&mut client, &json!({"workspace": "inner"}));
    assert_eq!(found, inner.canonicalize().unwrap().to_str().unwrap());
    client.finish();
    bed.nothing_left();
}

//! The model endpoint by itself.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use codex_testkit::model::{ModelEndpoint, Reply, Scenario};
use codex_testkit::{Gate, LIMIT};

fn ask(endpoint: &ModelEndpoint, head: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(endpoint.address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let length = body.len();
    write!(stream, "{head} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
    stream
}

/// Asks with a new connection and reads until the end of the answer.
fn answer(endpoint: &ModelEndpoint, head: &str, body: &str) -> String {
    let mut stream = ask(endpoint, head, body);
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    // The connection stays open, as HTTP/1.1 has it: the end is that of the body.
    while !text.ends_with("0\r\n\r\n") && !text.ends_with('}') {
        match stream.read(&mut buffer).unwrap() {
            0 => break,
            count => text.push_str(&String::from_utf8_lossy(&buffer[..count])),
        }
    }
    text
}

const POST: &str = "POST /v1/responses";

#[test]
fn replies_come_in_turn_and_requests_are_recorded() {
    let endpoint =
        ModelEndpoint::start(Scenario::in_turn([Reply::message("one"), Reply::error(503, "two")])).unwrap();
    let body = r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]}]}"#;
    assert!(answer(&endpoint, POST, body).contains("\"delta\":\"one\""));
    assert!(answer(&endpoint, POST, "{}").starts_with("HTTP/1.1 503 "));
    assert!(answer(&endpoint, POST, "{}").contains("has no reply number 3"));
    assert!(answer(&endpoint, "GET /v1/models", "").contains("\"models\":[]"));
    assert!(answer(&endpoint, "GET /other", "").starts_with("HTTP/1.1 404 "));
    let requests = endpoint.requests();
    assert_eq!((requests.len(), requests[0].model(), requests[0].prompt()), (3, "m", "hi".to_owned()));
    assert_eq!(endpoint.strays().len(), 2);
    assert!(endpoint.idle_within(LIMIT) && endpoint.abandoned() == 0);
}

#[test]
fn threads_have_a_script_each() {
    let scenario = Scenario::per_thread([Reply::message("first")]).then(Reply::message("later"));
    let endpoint = ModelEndpoint::start(scenario).unwrap();
    for (thread, expected) in [("a", "first"), ("b", "first"), ("a", "later"), ("a", "later"), ("b", "later")]
    {
        let text = answer(&endpoint, POST, &format!("{{\"prompt_cache_key\":\"{thread}\"}}"));
        assert!(text.contains(&format!("\"delta\":\"{expected}\"")), "{thread}: {text}");
    }
}

#[test]
fn a_client_that_hangs_up_is_noticed_and_a_held_reply_does_not_keep_the_endpoint() {
    let gate = Gate::new();
    let endpoint = ModelEndpoint::start(Reply::new().hold(&gate).say("late")).unwrap();
    let first = ask(&endpoint, POST, "{}");
    let mut second = ask(&endpoint, POST, "{}");
    assert!(gate.reached_within(2, LIMIT) && endpoint.active() == 2);
    drop(first);
    while endpoint.abandoned() == 0 {
        std::thread::yield_now();
    }
    assert_eq!(endpoint.active(), 1);
    drop(endpoint);
    let mut rest = Vec::new();
    // Closed or reset, but over.
    drop(second.read_to_end(&mut rest));
    assert_eq!(rest, b"");
}

#[test]
fn a_refusing_endpoint_refuses() {
    let endpoint = ModelEndpoint::refusing().unwrap();
    let error = TcpStream::connect(endpoint.address()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn it_can_be_used_from_async_code() {
    let gate = Gate::new();
    let endpoint = ModelEndpoint::start(Scenario::answer({
        let gate = gate.clone();
        move |request| Reply::new().hold(&gate).say(request.prompt())
    }))
    .unwrap();
    let _stream = ask(&endpoint, POST, "{}");
    endpoint.requested(1).await;
    gate.reached(1).await;
    gate.release();
    endpoint.idle().await;
    assert_eq!(endpoint.abandoned(), 0);
}

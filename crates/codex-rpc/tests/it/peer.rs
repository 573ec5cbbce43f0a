//! The peer over a pair of streams in memory, whose other end the test plays by hand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use codex_rpc::frame::Noise;
use codex_rpc::message::RpcError;
use codex_rpc::peer::{
    CloseReason, Handler, Notification, Peer, PeerOptions, RequestError, Responder, ServerCall,
};
use codex_rpc::transport::{Connection, Grace};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

const SOON: Duration = Duration::from_secs(10);

/// What reached the handler.
#[derive(Debug)]
enum Seen {
    Notification(Notification),
    Request(String, Responder),
    Noise,
    Stray(String),
    Closed(CloseReason),
}

struct Collect(mpsc::UnboundedSender<Seen>);

impl Handler for Collect {
    fn notification(&mut self, notification: Notification) {
        let _ = self.0.send(Seen::Notification(notification));
    }
    fn request(&mut self, call: ServerCall) {
        let _ = self.0.send(Seen::Request(call.method, call.responder));
    }
    fn noise(&mut self, _: &Noise) {
        let _ = self.0.send(Seen::Noise);
    }
    fn stray(&mut self, what: &str) {
        let _ = self.0.send(Seen::Stray(what.to_owned()));
    }
    fn closed(&mut self, reason: &CloseReason) {
        let _ = self.0.send(Seen::Closed(reason.clone()));
    }
}

/// The server that the test plays.
struct Server {
    reader: tokio::io::Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
}

impl Server {
    fn new(stream: DuplexStream) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader: BufReader::new(reader).lines(), writer }
    }

    async fn read(&mut self) -> Value {
        let line = tokio::time::timeout(SOON, self.reader.next_line()).await.expect("a line in time");
        serde_json::from_str(&line.unwrap().expect("a line, not the end")).unwrap()
    }

    async fn write(&mut self, line: &str) {
        self.writer.write_all(line.as_bytes()).await.unwrap();
        self.writer.write_all(b"\n").await.unwrap();
    }
}

fn start(options: &PeerOptions) -> (Peer, Server, mpsc::UnboundedReceiver<Seen>) {
    let (connection, stream) = Connection::pair();
    let (tx, rx) = mpsc::unbounded_channel();
    (Peer::start(connection, options, Collect(tx)), Server::new(stream), rx)
}

async fn seen(rx: &mut mpsc::UnboundedReceiver<Seen>) -> Seen {
    tokio::time::timeout(SOON, rx.recv()).await.expect("something in time").expect("the handler lives")
}

#[tokio::test]
async fn answers_find_their_requests_in_any_order() {
    let (peer, mut server, _rx) = start(&PeerOptions::default());
    let ask = |method: &'static str| {
        let peer = peer.clone();
        tokio::spawn(async move { peer.request_raw(method, Some(&json!({"m": method})), SOON).await })
    };
    let (one, two) = (ask("one"), ask("two"));
    let (first, second) = (server.read().await, server.read().await);
    for request in [second, first] {
        let answer = json!({"id": request["id"], "result": {"echo": request["params"]["m"]}});
        server.write(&answer.to_string()).await;
    }
    assert_eq!(one.await.unwrap().unwrap(), r#"{"echo":"one"}"#.as_bytes());
    assert_eq!(two.await.unwrap().unwrap(), r#"{"echo":"two"}"#.as_bytes());
    assert_eq!(peer.pending(), 0);
}

#[tokio::test]
async fn an_error_answer_is_the_callers_error() {
    let (peer, mut server, _rx) = start(&PeerOptions::default());
    let answered = tokio::spawn({
        let peer = peer.clone();
        async move { peer.request_raw("x", None::<&()>, SOON).await }
    });
    let request = server.read().await;
    assert!(request.get("params").is_none() && request.get("jsonrpc").is_none());
    server.write(&json!({"id": request["id"], "error": {"code": -32600, "message": "no"}}).to_string()).await;
    let error = answered.await.unwrap().unwrap_err();
    assert_eq!(error.rpc(), Some(&RpcError::new(-32600, "no")));
}

#[tokio::test]
async fn a_malformed_answer_fails_its_request_and_nothing_else() {
    let (peer, mut server, mut rx) = start(&PeerOptions::default());
    let answered = tokio::spawn({
        let peer = peer.clone();
        async move { peer.request_raw("x", None::<&()>, SOON).await }
    });
    let request = server.read().await;
    server
        .write(&json!({"id": request["id"], "result": 1, "error": {"code": 1, "message": "m"}}).to_string())
        .await;
    assert!(matches!(answered.await.unwrap(), Err(RequestError::Malformed { .. })));
    server.write(r#"{"method":"still/alive"}"#).await;
    assert!(matches!(seen(&mut rx).await, Seen::Notification(n) if n.method == "still/alive"));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_wait_and_the_late_answer_is_stray() {
    let (peer, mut server, mut rx) = start(&PeerOptions::default());
    let error = peer.request_raw("slow", None::<&()>, Duration::from_secs(3)).await.unwrap_err();
    assert!(
        matches!(error, RequestError::Deadline { ref method, after } if method == "slow" && after.as_secs() == 3)
    );
    assert_eq!(peer.pending(), 0);
    let request = server.read().await;
    server.write(&json!({"id": request["id"], "result": {}}).to_string()).await;
    assert!(matches!(seen(&mut rx).await, Seen::Stray(what) if what.contains("does not wait")));
}

#[tokio::test]
async fn a_dropped_caller_leaves_nothing_behind() {
    let (peer, mut server, _rx) = start(&PeerOptions::default());
    {
        let request = peer.request_raw("x", None::<&()>, SOON);
        tokio::pin!(request);
        // Polled until it waits for the answer, then dropped.
        tokio::select! {
            biased;
            _ = &mut request => panic!("nobody answered"),
            _ = server.read() => {}
        }
        assert_eq!(peer.pending(), 1);
    }
    assert_eq!(peer.pending(), 0);
}

#[tokio::test]
async fn noise_is_skipped_and_reported_d32() {
    let (peer, mut server, mut rx) = start(&PeerOptions::default());
    let answered = tokio::spawn({
        let peer = peer.clone();
        async move { peer.request_raw("x", None::<&()>, SOON).await }
    });
    let request = server.read().await;
    server.write("\u{1b}[31mERROR\u{1b}[0m something is wrong").await;
    server.write("WARNING: plain text").await;
    server.write(r#"{"neither":"fish","nor":"fowl"}"#).await;
    server.write(&json!({"id": request["id"], "result": 1}).to_string()).await;
    assert_eq!(answered.await.unwrap().unwrap(), "1".as_bytes());
    assert!(matches!(seen(&mut rx).await, Seen::Noise));
    assert!(matches!(seen(&mut rx).await, Seen::Noise));
    assert!(matches!(seen(&mut rx).await, Seen::Stray(_)));
}

#[tokio::test]
async fn an_unanswered_request_of_the_server_is_answered_with_an_error() {
    let (_peer, mut server, mut rx) = start(&PeerOptions::default());
    server.write(r#"{"id":"a","method":"item/tool/call","params":{}}"#).await;
    match seen(&mut rx).await {
        Seen::Request(method, responder) => {
            assert_eq!(method, "item/tool/call");
            drop(responder);
        }
        other => panic!("{other:?}"),
    }
    let answer = server.read().await;
    assert_eq!((answer["id"].as_str(), answer["error"]["code"].as_i64()), (Some("a"), Some(-32603)));
}

#[tokio::test]
async fn too_many_open_requests_are_refused_and_the_open_ones_still_answered() {
    let mut options = PeerOptions::default();
    options.max_open_requests = 2;
    let (_peer, mut server, mut rx) = start(&options);
    let mut open = Vec::new();
    for id in 0..3 {
        server.write(&format!(r#"{{"id":{id},"method":"ask"}}"#)).await;
    }
    for _ in 0..2 {
        if let Seen::Request(_, responder) = seen(&mut rx).await {
            open.push(responder);
        }
    }
    let refused = server.read().await;
    assert_eq!((refused["id"].as_u64(), refused["error"]["code"].as_i64()), (Some(2), Some(-32001)));
    for responder in open {
        responder.result(&json!("yes"));
    }
    let mut answered = [server.read().await["id"].as_u64(), server.read().await["id"].as_u64()];
    answered.sort_unstable();
    assert_eq!(answered, [Some(0), Some(1)]);
    // The places are free again.
    server.write(r#"{"id":9,"method":"ask"}"#).await;
    assert!(matches!(seen(&mut rx).await, Seen::Request(..)));
}

#[tokio::test]
async fn a_request_that_is_no_request_is_told_so() {
    let (_peer, mut server, mut rx) = start(&PeerOptions::default());
    server.write(r#"{"id":7,"method":"x","params":3}"#).await;
    let answer = server.read().await;
    assert_eq!((answer["id"].as_u64(), answer["error"]["code"].as_i64()), (Some(7), Some(-32600)));
    assert!(matches!(seen(&mut rx).await, Seen::Stray(_)));
}

#[tokio::test]
async fn the_end_of_the_stream_fails_everything_that_waits() {
    let (peer, server, mut rx) = start(&PeerOptions::default());
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let peer = peer.clone();
            tokio::spawn(async move { peer.request_raw("x", None::<&()>, SOON).await })
        })
        .collect();
    while peer.pending() < 5 {
        tokio::task::yield_now().await;
    }
    drop(server);
    for answer in waiting {
        assert!(matches!(answer.await.unwrap(), Err(RequestError::Closed(CloseReason::EndOfStream))));
    }
    assert!(matches!(seen(&mut rx).await, Seen::Closed(CloseReason::EndOfStream)));
    let late = peer.request_raw("x", None::<&()>, SOON).await;
    assert!(matches!(late, Err(RequestError::Closed(CloseReason::EndOfStream))));
    assert_eq!(peer.closed().await, CloseReason::EndOfStream);
}

#[tokio::test]
async fn shutdown_fails_what_waits_and_closes_the_writer() {
    let (peer, mut server, _rx) = start(&PeerOptions::default());
    let waiting = tokio::spawn({
        let peer = peer.clone();
        async move { peer.request_raw("x", None::<&()>, SOON).await }
    });
    server.read().await;
    peer.shutdown(Grace::default()).await;
    assert!(matches!(waiting.await.unwrap(), Err(RequestError::Closed(CloseReason::Shutdown))));
    let mut rest = Vec::new();
    let mut reader = server.reader.into_inner();
    let read = reader.read_to_end(&mut rest);
    assert_eq!(tokio::time::timeout(SOON, read).await.expect("the end in time").unwrap(), 0);
    peer.shutdown(Grace::default()).await;
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_connection() {
    let (peer, mut server, mut rx) = start(&PeerOptions::default());
    drop(peer);
    assert!(matches!(seen(&mut rx).await, Seen::Closed(CloseReason::Shutdown)));
    let line = tokio::time::timeout(SOON, server.reader.next_line()).await.expect("the end in time");
    assert!(line.unwrap().is_none());
}

#[tokio::test]
async fn a_server_that_does_not_read_is_still_drained_and_then_dropped() {
    let mut options = PeerOptions::default();
    options.max_unsent = 256 * 1024;
    let (peer, mut server, mut rx) = start(&options);
    // It floods us with requests and reads none of the answers; each answer is larger than the request.
    let big = Arc::new("x".repeat(4096));
    let answering = tokio::spawn(async move {
        loop {
            match seen(&mut rx).await {
                Seen::Request(_, responder) => responder.result(&*big),
                Seen::Closed(reason) => return reason,
                _ => {}
            }
        }
    });
    for id in 0..1000 {
        let line = format!("{{\"id\":{id},\"method\":\"ask\"}}\n");
        if server.writer.write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
    let reason = tokio::time::timeout(SOON, answering).await.expect("closed in time").unwrap();
    assert!(matches!(reason, CloseReason::NotReading(bytes) if bytes > 256 * 1024), "{reason:?}");
    assert!(matches!(peer.closed().await, CloseReason::NotReading(_)));
}

#[tokio::test]
async fn both_sides_may_write_much_at_once() {
    let (peer, mut server, mut rx) = start(&PeerOptions::default());
    // Each direction holds 64 KiB; both are filled many times over while neither waits for the other.
    let flood = tokio::spawn(async move {
        let line = json!({"method": "n", "params": {"text": "y".repeat(10_000)}}).to_string();
        for _ in 0..100 {
            server.write(&line).await;
        }
        let mut lines = 0;
        while lines < 50 {
            server.read().await;
            lines += 1;
        }
        server
    });
    let params = json!({"text": "z".repeat(100_000)});
    for _ in 0..50 {
        peer.notify_raw("big", Some(&params), SOON).await.unwrap();
    }
    for _ in 0..100 {
        assert!(matches!(seen(&mut rx).await, Seen::Notification(_)));
    }
    flood.await.unwrap();
}

#[tokio::test]
async fn the_dialect_decides_whether_the_version_is_written() {
    let mut options = PeerOptions::default();
    options.dialect = codex_rpc::message::Dialect::JsonRpc2;
    let (peer, mut server, _rx) = start(&options);
    peer.notify_raw("hello", None::<&()>, SOON).await.unwrap();
    assert_eq!(server.read().await, json!({"jsonrpc": "2.0", "method": "hello"}));
}

/// A handler that panics must not be able to hang a caller; the mutex behind the map may be poisoned by it.
#[tokio::test]
async fn a_panic_in_the_handler_does_not_hang_callers() {
    struct Panics(Arc<Mutex<bool>>);
    impl Handler for Panics {
        fn notification(&mut self, _: Notification) {
            *self.0.lock().unwrap() = true;
            panic!("a fault in the embedder's handler");
        }
        fn request(&mut self, _: ServerCall) {}
    }
    let (connection, stream) = Connection::pair();
    let called = Arc::new(Mutex::new(false));
    let peer = Peer::start(connection, &PeerOptions::default(), Panics(Arc::clone(&called)));
    let mut server = Server::new(stream);
    let waiting = tokio::spawn({
        let peer = peer.clone();
        async move { peer.request_raw("x", None::<&()>, SOON).await }
    });
    server.read().await;
    server.write(r#"{"method":"n"}"#).await;
    let answer =
        tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("an end well before the deadline");
    assert!(matches!(answer.unwrap(), Err(RequestError::Closed(_))));
    assert!(*called.lock().unwrap());
}

/// A server that does not read any more must not be able to hold up the end.
#[tokio::test]
async fn shutdown_ends_although_nobody_reads() {
    let (peer, _server, _rx) = start(&PeerOptions::default());
    let params = json!({"text": "z".repeat(400_000)});
    for _ in 0..8 {
        // The first few fill pipe and buffer; then the queue, whose places wait.
        let _ = peer.notify_raw("big", Some(&params), Duration::from_millis(50)).await;
    }
    tokio::time::timeout(SOON, peer.shutdown(Grace::default())).await.expect("the end in time");
    assert_eq!(peer.close_reason(), Some(CloseReason::Shutdown));
}

/// What was accepted before the end is sent before the end.
#[tokio::test]
async fn shutdown_sends_what_was_accepted() {
    let (peer, mut server, _rx) = start(&PeerOptions::default());
    peer.notify_raw("last/words", None::<&()>, SOON).await.unwrap();
    peer.shutdown(Grace::default()).await;
    assert_eq!(server.read().await["method"], "last/words");
}

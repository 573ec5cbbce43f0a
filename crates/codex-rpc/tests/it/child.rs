//! Child processes: their end, however it comes about.
#![cfg(unix)]

use std::time::Duration;

use codex_rpc::transport::{ChildOptions, Connection, Grace};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

const SOON: Duration = Duration::from_secs(10);
const QUICK: Grace = Grace { stdin: Duration::from_millis(100), term: Duration::from_millis(100) };

fn shell(script: &str) -> ChildOptions {
    ChildOptions::new("/bin/sh").args(["-c", script])
}

async fn first_line(connection: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut line = String::new();
    let read = BufReader::new(connection).read_line(&mut line).await;
    assert!(read.unwrap() > 0, "the child said nothing");
    line.trim().to_owned()
}

fn alive(pid: &str) -> bool {
    // A zombie is not alive: its state is the letter after the command's closing parenthesis.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

async fn gone(pid: &str) {
    let wait = async {
        while alive(pid) {
            tokio::time::sleep(Duration::from_millis(5)).await; // sleep: between two looks at a state, with a limit
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap_or_else(|_| panic!("process {pid} lives on"));
}

#[tokio::test]
async fn it_echoes_and_ends_with_its_input() {
    let (mut reader, mut writer, child) = Connection::spawn(&ChildOptions::new("cat")).unwrap().into_parts();
    let child = child.expect("a child");
    writer.write_all(b"hello\n").await.unwrap();
    assert_eq!(first_line(&mut reader).await, "hello");
    drop(writer);
    let exit = child.wait().await;
    assert!(exit.success(), "{exit}");
}

#[tokio::test]
async fn a_missing_program_is_not_found() {
    let error = Connection::spawn(&ChildOptions::new("no-such-program-anywhere")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

#[tokio::test]
async fn the_tail_of_stderr_and_the_status_are_kept() {
    let connection = Connection::spawn(&shell("echo first >&2; echo last >&2; exit 7")).unwrap();
    let exit = connection.child().expect("a child").wait().await;
    assert_eq!(exit.status.and_then(|status| status.code()), Some(7));
    assert_eq!(exit.stderr_tail, "first\nlast\n");
}

#[tokio::test]
async fn one_that_ignores_everything_is_killed_with_its_group() {
    let script = "trap '' TERM; sleep 1000 & echo $!; while :; do sleep 1000; done";
    let (mut reader, writer, child) = Connection::spawn(&shell(script)).unwrap().into_parts();
    let child = child.expect("a child");
    let grandchild = first_line(&mut reader).await;
    drop(writer);
    let exit = tokio::time::timeout(SOON, child.shutdown(QUICK)).await.expect("an end in time");
    assert!(!exit.success());
    gone(&grandchild).await;
}

#[tokio::test]
async fn what_a_dead_leader_leaves_behind_is_killed_too() {
    // As with npm's wrapper around the native codex: the wrapper is killed, the native process keeps the pipes open.
    let (mut reader, _writer, child) =
        Connection::spawn(&shell("sleep 1000 & echo $!; wait")).unwrap().into_parts();
    let child = child.expect("a child");
    let grandchild = first_line(&mut reader).await;
    let killed = std::process::Command::new("kill").args(["-KILL", &child.id().to_string()]).status();
    assert!(killed.unwrap().success());
    tokio::time::timeout(SOON, child.wait()).await.expect("an end in time");
    gone(&grandchild).await;
    let mut rest = Vec::new();
    tokio::time::timeout(SOON, reader.read_to_end(&mut rest)).await.expect("the end of its output").unwrap();
}

#[tokio::test]
async fn dropping_the_last_handle_ends_it() {
    let mut options = shell("echo $$; while :; do sleep 1000; done");
    options.grace = QUICK;
    let (mut reader, writer, child) = Connection::spawn(&options).unwrap().into_parts();
    let pid = first_line(&mut reader).await;
    drop((reader, writer, child));
    gone(&pid).await;
}

#[test]
fn the_end_of_the_runtime_kills_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pid = runtime.block_on(async {
        let (mut reader, writer, child) =
            Connection::spawn(&shell("trap '' TERM; echo $$; while :; do sleep 1000; done"))
                .unwrap()
                .into_parts();
        let pid = first_line(&mut reader).await;
        // Leaked on purpose: only the runtime's end is left to act.
        std::mem::forget((writer, child));
        pid
    });
    drop(runtime);
    let deadline = std::time::Instant::now() + SOON;
    while alive(&pid) {
        assert!(std::time::Instant::now() < deadline, "process {pid} lives on");
        std::thread::yield_now();
    }
}

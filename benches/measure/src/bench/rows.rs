//! What the table says: each subject with its peer, its floor and the goals that were set for it.

/// One line of the table. Names are those of figures.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) what: &'static str,
    pub(super) ours: &'static str,
    /// Another program or library at the same work.
    pub(super) peer: Option<Beside>,
    /// The least that the work takes, however it is done.
    pub(super) floor: Option<Beside>,
    pub(super) unit: Unit,
    pub(super) goals: &'static [Goal],
    /// Why a goal is not met, for when it is not.
    pub(super) why: &'static str,
}

#[derive(Clone, Copy)]
pub(super) struct Beside {
    pub(super) label: &'static str,
    pub(super) id: &'static str,
}

/// What a figure counts.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Unit {
    /// Nanoseconds.
    Time,
    /// Nanoseconds for so many of what the row is about.
    TimeOf(f64),
    /// Nanoseconds a message, told as messages a second.
    Messages,
    /// Nanoseconds for so many bytes, told as bytes a second.
    Bytes(f64),
    /// Bytes.
    Memory,
}

/// An upper bound on ours.
#[derive(Clone, Copy)]
pub(super) enum Goal {
    /// In nanoseconds, or in bytes of memory.
    AtMost(f64),
    /// A lower bound on what is done a second.
    PerSecond(f64),
    /// So many times the peer.
    OfPeer(f64),
    /// The peer is to take so many times as long.
    PeerTakes(f64),
    /// So many times the floor.
    OfFloor(f64),
    /// So many nanoseconds more than the floor.
    OverFloor(f64),
}

const MS: f64 = 1e6;
const MB: f64 = 1e6;
/// Notifications in the recorded exchanges.
const RECORDED: Unit = Unit::TimeOf(1054.0);
const ANSWER: Unit = Unit::Bytes(50e6);

const EMPTY: Option<Beside> = at("empty program", "process/empty");
const NAIVE: &str = "naive router";

const fn at(label: &'static str, id: &'static str) -> Option<Beside> {
    Some(Beside { label, id })
}

const fn row(what: &'static str, ours: &'static str, unit: Unit, goals: &'static [Goal]) -> Row {
    Row { what, ours, peer: None, floor: None, unit, goals, why: "" }
}

impl Row {
    const fn peer(mut self, label: &'static str, id: &'static str) -> Self {
        self.peer = at(label, id);
        self
    }

    const fn floor(mut self, label: &'static str, id: &'static str) -> Self {
        self.floor = at(label, id);
        self
    }

    const fn started(mut self) -> Self {
        self.floor = EMPTY;
        self
    }

    const fn why(mut self, why: &'static str) -> Self {
        self.why = why;
        self
    }

    /// The names of the figures that it needs.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        [Some(self.ours), self.peer.map(|peer| peer.id), self.floor.map(|floor| floor.id)]
            .into_iter()
            .flatten()
    }
}

const SCAN: &str = "The scan checks all that it hands out and finds the end of the rest by its structure; about 1,940 \
    instructions a message, half of them for telling apart its bytes 64 at a time. How long a tree takes to build beside it \
    varies with the allocator's mood: the ratio swings between 9 and 11.";
const SMALL_FRAMES: &str = "`memchr` passes a short line in 8 ns, and counting one reference to the buffer up and down again takes as \
    long: splitting and freezing alone, the least that frames which own their bytes can cost, is the peer beside \
    it and misses the goal as far.";
const SINGLE_WRITES: &str = "One write each is one system call each on every side, and three threads on two cores: the naive router, \
    which checks nothing, is the floor here and did not reach the goal either, in runs between 480 k and 1.4 M \
    messages a second.";
const NAIVE_IS_QUICKER: &str = "The goals come from a naive router that was slower than the one beside us here, which finds bytes \
    with `memchr`, checks nothing and owns nothing.";
const BRANCH: &str = "Without a commit graph each of 5,000 commits names the next and must be inflated, on one core: 11 ms, and 19 ms \
    of processor time for 300 files in two versions. With a commit graph no commit is read.";
const LSTAT: &str = "What changed is known only by asking the file system for every tracked file: the floor is one `lstat` each, on \
    as many threads as there are cores, and is itself beyond the goal on this machine. The rest lists 2,500 folders, because a \
    new file is a change too. Where git's own fsmonitor runs, it could be asked instead; we start and trust no such \
    program.";
const UNTIL_THE_END: &str = "The command ends when Codex has ended, because nothing may be left running; beside the minimal client that \
    waits for the same, the next row, it is within the goal. What is left is the job's record (its syncs), the look at the \
    repository and the question who is signed in.";
const THREE_SECONDS: &str = "Three seconds are the model's. The rest is starting ten app-servers and ten processes of ours at \
    once, on two cores; eight on one app-server are within the goal.";

/// Every goal that was set for speed, and what stands beside it.
pub(super) const ROWS: &[Row] = &[
    row("`--version`, spawn to exit", "process/version", Unit::Time, &[Goal::OfFloor(2.0)]).started(),
    row("`status`, no jobs", "process/status", Unit::Time, &[Goal::AtMost(2.5 * MS)]).started(),
    row("`status`, 50 jobs, 50 MB of logs", "process/status full", Unit::Time, &[Goal::AtMost(4.0 * MS)]).started(),
    row("`hook session-start`", "process/hook session-start", Unit::Time, &[Goal::AtMost(2.0 * MS)]).started(),
    row("`hook prompt-submit`", "process/hook prompt-submit", Unit::Time, &[Goal::AtMost(2.0 * MS)]).started(),
    row("`hook prompt-expansion`", "process/hook prompt-expansion", Unit::Time, &[]).started(),
    row("`hook stop`, gate off", "process/hook stop", Unit::Time, &[Goal::AtMost(2.0 * MS)]).started(),
    row("`hook session-end`", "process/hook session-end", Unit::Time, &[Goal::AtMost(2.0 * MS)]).started(),
    row("plugin's launcher, then `--version`", "process/launcher", Unit::Time, &[Goal::OverFloor(2.0 * MS)])
        .peer("`sh -c exec`", "process/sh exec")
        .floor("`--version`", "process/version"),
    row("`hook stop`, gate on, nothing changed, 50,000 files", "process/gate on", Unit::Time, &[Goal::AtMost(20.0 * MS)])
        .peer("`git status`", "process/git status")
        .floor("lstat of each", "process/lstat")
        .why(LSTAT),
    row("`task`, to the answer", "overhead/codex-companion task", Unit::Time, &[Goal::OfPeer(1.25)])
        .peer("minimal client", "overhead/minimal client, task, to the answer")
        .why(UNTIL_THE_END),
    row("`task`, to Codex's end", "overhead/codex-companion task", Unit::Time, &[Goal::OfPeer(1.25)])
        .peer("minimal client", "overhead/minimal client, task, to Codex's end"),
    row("`review`, to the answer", "overhead/codex-companion review", Unit::Time, &[Goal::OfPeer(1.25)])
        .peer("minimal client", "overhead/minimal client, review, to the answer")
        .why(UNTIL_THE_END),
    row("`review`, to Codex's end", "overhead/codex-companion review", Unit::Time, &[Goal::OfPeer(1.25)])
        .peer("minimal client", "overhead/minimal client, review, to Codex's end"),
    row("20 background tasks at once, all done", "overhead/twenty background tasks", Unit::Time, &[Goal::AtMost(1200.0 * MS)])
        .why("Each has a process, a record and a thread of its own; Codex itself is most of it."),
    row("10 tasks of 3 s, a Codex each", "overhead/ten background tasks of 3 s, a Codex each", Unit::Time, &[Goal::AtMost(3500.0 * MS)])
        .why(THREE_SECONDS),
    row("8 tasks of 3 s, one Codex", "overhead/eight background tasks of 3 s, one Codex", Unit::Time, &[Goal::AtMost(3500.0 * MS)])
        .why(THREE_SECONDS),
    row("scan of a recorded message", "envelope/notifications/scan", RECORDED, &[Goal::PeerTakes(10.0)])
        .peer("`serde_json` `Value`", "envelope/notifications/serde_json_value")
        .why(SCAN),
    row("scan, then what a router asks", "envelope/notifications/scan_and_look", RECORDED, &[])
        .peer("`serde_json` `Value`", "envelope/notifications/serde_json_value_and_look"),
    row("method and raw params", "peers/method and params/codex-rpc", RECORDED, &[])
        .peer("`jsonrpsee-types`", "peers/method and params/jsonrpsee-types"),
    row("typed notification from a line", "peers/typed notification/codex-rpc", RECORDED, &[])
        .peer("`codex-app-server-sdk`", "peers/typed notification/codex-app-server-sdk"),
    row("frames from a reader", "peers/lines/codex-rpc", RECORDED, &[])
        .peer("tokio's `lines`, as `codex-app-server-sdk`", "peers/lines/tokio"),
    row("boundaries of 364 B frames", "frame/notifications/boundaries", RECORDED, &[Goal::OfFloor(1.5)])
        .floor("`memchr`", "frame/notifications/memchr"),
    row("`FrameCodec`, 364 B", "frame/notifications/codec", RECORDED, &[Goal::OfFloor(1.5)])
        .peer("split and freeze", "frame/notifications/bytes_floor")
        .floor("`memchr`", "frame/notifications/memchr")
        .why(SMALL_FRAMES),
    row("`FrameCodec`, 4 KiB", "frame/4KiB/codec", Unit::TimeOf(256.0), &[Goal::OfFloor(1.5)])
        .peer("split and freeze", "frame/4KiB/bytes_floor")
        .floor("`memchr`", "frame/4KiB/memchr"),
    row("`FrameCodec`, 64 KiB", "frame/64KiB/codec", Unit::TimeOf(16.0), &[Goal::OfFloor(1.5)])
        .peer("split and freeze", "frame/64KiB/bytes_floor")
        .floor("`memchr`", "frame/64KiB/memchr"),
    row("router, a delta to its owner", "router/delta/ours", Unit::Time, &[])
        .peer("by `Value`", "router/delta/value")
        .floor("the scan", "router/delta/scan"),
    row("router, a request and its answer", "router/request/ours", Unit::Time, &[])
        .peer("by `Value`", "router/request/value"),
    row("broker, 200 B in writes of 64 KiB", "flood/200B in 64KiB writes/broker", Unit::Messages, &[Goal::PerSecond(2.5e6)])
        .peer(NAIVE, "flood/200B in 64KiB writes/naive")
        .why(NAIVE_IS_QUICKER),
    row("broker, 200 B in a write each", "flood/200B in a write each/broker", Unit::Messages, &[Goal::PerSecond(1.5e6), Goal::OfPeer(1.46)])
        .peer(NAIVE, "flood/200B in a write each/naive")
        .why(SINGLE_WRITES),
    row("broker, 1 KiB", "flood/1KiB/broker", Unit::Messages, &[Goal::PerSecond(8e5)])
        .peer(NAIVE, "flood/1KiB/naive")
        .why(NAIVE_IS_QUICKER),
    row("broker, 8 KiB", "flood/8KiB/broker", Unit::Messages, &[Goal::PerSecond(1.5e5)])
        .peer(NAIVE, "flood/8KiB/naive")
        .why(NAIVE_IS_QUICKER),
    row("broker, a mix of sizes", "flood/mix/broker", Unit::Messages, &[Goal::PerSecond(6e5)])
        .peer(NAIVE, "flood/mix/naive")
        .why(NAIVE_IS_QUICKER),
    row("broker, one line of 8 MB", "line/8MB/broker", Unit::Time, &[Goal::AtMost(18.0 * MS)]).peer(NAIVE, "line/8MB/naive"),
    row("broker, round trip on one core, p50", "round trip/broker p50", Unit::Time, &[Goal::OverFloor(20e3)])
        .peer(NAIVE, "round trip/naive p50")
        .floor("direct", "round trip/direct p50"),
    row("broker, round trip on one core, p99", "round trip/broker p99", Unit::Time, &[Goal::OverFloor(30e3)])
        .peer(NAIVE, "round trip/naive p99")
        .floor("direct", "round trip/direct p99")
        .why("One message in a hundred meets what else the machine does: in runs minutes apart it was 15 and 37 µs beyond the floor, and the naive router's was as far."),
    row("broker, processor time of 100,000 messages", "processor time of 100,000 messages", Unit::Time, &[Goal::AtMost(35.0 * MS)]),
    row("job store, update", "job-store/update", Unit::Time, &[Goal::OfFloor(3.0)]).floor("1 file synced", "job-store/floor, 1 file"),
    row("job store, create", "job-store/create", Unit::Time, &[Goal::OfFloor(3.0)]).floor("2 files synced", "job-store/floor, 2 files"),
    row("job store, finish, the oldest of 50 removed", "job-store/finish", Unit::Time, &[Goal::OfFloor(3.0)])
        .floor("2 files synced", "job-store/floor, 2 files"),
    row("job store, list of 50", "job-store/list 50", Unit::Time, &[Goal::AtMost(1.0 * MS)]),
    row("sizing 20 files, 2 changed", "20 files, 2 changed/ours", Unit::Time, &[Goal::AtMost(2.0 * MS)])
        .peer("git, 4 commands", "20 files, 2 changed/git"),
    row("sizing 50,000 files, 3 changed, 200 untracked", "50,000 files, 3 changed, 200 untracked/ours", Unit::Time, &[Goal::OfPeer(0.55)])
        .peer("git, 4 commands", "50,000 files, 3 changed, 200 untracked/git")
        .floor("lstat of each", "50,000 files, 3 changed, 200 untracked/lstat"),
    row("the same, beside one command", "50,000 files, 3 changed, 200 untracked/ours", Unit::Time, &[Goal::OfPeer(1.1)])
        .peer("`git status`", "50,000 files, 3 changed, 200 untracked/git status alone"),
    row("sizing 200 MB of diff in 2,000 files", "200 MB of diff in 2,000 files/ours", Unit::Time, &[Goal::OfPeer(0.05)])
        .peer("git, 4 commands", "200 MB of diff in 2,000 files/git"),
    row("its memory, beyond that of sizing 20 files", "memory/200 MB of diff", Unit::Memory, &[Goal::OverFloor(10.0 * MB)])
        .floor("20 files", "memory/20 files"),
    row("sizing one changed file of 200 MB", "one changed file of 200 MB/ours", Unit::Time, &[Goal::AtMost(10.0 * MS)]),
    row("its memory", "memory/file of 200 MB", Unit::Memory, &[Goal::AtMost(30.0 * MB)]),
    row("sizing 10,000 untracked files", "10,000 untracked files/ours", Unit::Time, &[Goal::OfPeer(1.4)])
        .peer("git, 4 commands", "10,000 untracked files/git"),
    row("the same, the whole context", "10,000 untracked files, the whole context/ours", Unit::Time, &[Goal::AtMost(60.0 * MS)]),
    row("sizing a branch of 5,000 commits, 300 files", "branch of 5,000 commits, 300 files/ours", Unit::Time, &[Goal::OfPeer(0.45)])
        .peer("git, 3 commands", "branch of 5,000 commits, 300 files/git")
        .why(BRANCH),
    row("verdict in 50 MB, prose", "verdict/allow, prose", ANSWER, &[Goal::PerSecond(1e9)]).floor("`memchr`", "verdict/memchr"),
    row("verdict in 50 MB, code", "verdict/allow, code", ANSWER, &[Goal::PerSecond(1e9)]),
    row("verdict in 50 MB, one line", "verdict/allow, one line", ANSWER, &[Goal::PerSecond(1e9)]),
    row("verdict in 50 MB, the worst letter", "verdict/allow, only k", ANSWER, &[Goal::PerSecond(1e9)]),
    row("verdict in 50 MB, blank lines", "verdict/blank lines", ANSWER, &[Goal::PerSecond(1e9)]),
    row("verdict in 50 MB, JSON", "verdict/json", ANSWER, &[Goal::PerSecond(1e9)]),
    row("verdict of one line", "verdict, short/allow", Unit::Time, &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_beside_something_has_that_something() {
        for row in ROWS {
            for goal in row.goals {
                let there = match goal {
                    Goal::AtMost(_) | Goal::PerSecond(_) => true,
                    Goal::OfPeer(_) | Goal::PeerTakes(_) => row.peer.is_some(),
                    Goal::OfFloor(_) | Goal::OverFloor(_) => row.floor.is_some(),
                };
                assert!(there, "{}", row.what);
            }
        }
    }

    #[test]
    fn a_row_is_named_once() {
        let mut names: Vec<_> =
            ROWS.iter().map(|row| row.what).filter(|what| !what.starts_with("it")).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}

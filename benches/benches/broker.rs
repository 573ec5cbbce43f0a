//! The broker beside a naive byte-wise router, in one run, over the same kind of sockets.
//!
//! The naive router is the floor: two threads that find newlines, thread ids and request ids by searching for their names,
//! trust everything, and block. It has no bounds, no ownership and no second thoughts.
//!
//! - `flood/*`: messages from the server to one client, as many as the other side takes.
//! - `line/8MB`: one message of eight million bytes.
//! - Besides, because criterion knows means only: the percentiles of a round trip on one core, and the processor time of
//!   the broker's thread for 100,000 messages; printed, and left for `cargo measure table`.
#![allow(clippy::disallowed_methods, reason = "a tool for developers")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench may panic, and tells people its figures"
)]

#[cfg(unix)]
fn main() {
    unix::main();
}

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
mod unix {
    use std::collections::HashMap;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::os::unix::net::UnixStream;
    use std::path::Path;
    use std::sync::{Arc, Mutex};
    use std::thread::JoinHandle;
    use std::time::{Duration, Instant};

    use codex_broker::{Endpoint, Identity, Launcher, ServeOptions, serve};
    use codex_rpc::transport::Connection;
    use criterion::{BenchmarkId, Criterion, Throughput};
    use memchr::{memchr, memmem};
    use tokio::sync::oneshot;

    const THREAD: &str = "01a1f73e-edff-7ed1-8a13-244b332d23b5";

    /// Takes a line, and puts what becomes of it into a buffer.
    type Route = Box<dyn FnMut(&[u8], &mut Vec<u8>) + Send>;

    #[derive(Clone, Copy, PartialEq)]
    enum Via {
        Direct,
        Naive,
        Broker,
    }

    /// What the server sends when it is told to go.
    #[derive(Clone)]
    struct Load {
        /// Whole lines, repeated as often as needed.
        lines: Arc<Vec<u8>>,
        count: u64,
        /// How much is written at once, in bytes; 0 for one line.
        write: usize,
    }

    fn line(length: usize) -> Vec<u8> {
        let start = format!(
            r#"{{"method":"item/agentMessage/delta","params":{{"threadId":"{THREAD}","turnId":"u","itemId":"i","delta":""#
        );
        let mut line = start.into_bytes();
        line.resize(length - 4, b'x');
        line.extend_from_slice(b"\"}}\n");
        line
    }

    /// Answers what it must, and floods when it is told to `go`.
    fn server(stream: UnixStream, load: Load) -> JoinHandle<()> {
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut writer, mut text) = (stream, String::new());
            while reader.read_line(&mut text).is_ok_and(|count| count > 0) {
                let at = text.find("\"id\":").map(|at| at + 5);
                let id = at.map(|at| text[at..].split([',', '}']).next().unwrap_or_default().to_owned());
                if let Some(id) = id {
                    let answer =
                        format!("{{\"id\":{id},\"result\":{{\"thread\":{{\"id\":\"{THREAD}\"}}}}}}\n");
                    if writer.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
                if text.contains("\"go\"") && flood(&mut writer, &load).is_err() {
                    return;
                }
                text.clear();
            }
        })
    }

    fn flood(writer: &mut UnixStream, load: &Load) -> std::io::Result<()> {
        let lines: Vec<&[u8]> = load.lines.split_inclusive(|byte| *byte == b'\n').collect();
        let mut buffer = Vec::new();
        for number in 0..load.count {
            let line = lines[usize::try_from(number).unwrap_or(0) % lines.len()];
            if load.write == 0 {
                writer.write_all(line)?;
                continue;
            }
            buffer.extend_from_slice(line);
            if buffer.len() >= load.write {
                writer.write_all(&buffer)?;
                buffer.clear();
            }
        }
        writer.write_all(&buffer)
    }

    /// The floor: ids by search, threads by search, no checks.
    fn naive(client: UnixStream, server: UnixStream) -> Vec<JoinHandle<()>> {
        let ids = Arc::new(Mutex::new(HashMap::<u64, Vec<u8>>::new()));
        let owners: HashMap<Vec<u8>, usize> = HashMap::from([(THREAD.as_bytes().to_vec(), 0)]);
        let splice = |line: &[u8], out: &mut Vec<u8>, id: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>| {
            let Some(at) = memmem::find(line, b"\"id\":").map(|at| at + 5) else {
                return out.extend_from_slice(line);
            };
            let end = at + line[at..].iter().position(|byte| b",}".contains(byte)).unwrap_or(0);
            out.extend_from_slice(&line[..at]);
            out.extend_from_slice(&id(&line[at..end]).unwrap_or_default());
            out.extend_from_slice(&line[end..]);
        };
        let pump = |mut from: UnixStream, mut to: UnixStream, mut route: Route| {
            std::thread::spawn(move || {
                let (mut buffer, mut held, mut out) = (vec![0; 64 * 1024], Vec::new(), Vec::new());
                while let Ok(count @ 1..) = from.read(&mut buffer) {
                    held.extend_from_slice(&buffer[..count]);
                    let mut start = 0;
                    let mut from = held.len() - count;
                    while let Some(found) = memchr(b'\n', &held[from..]) {
                        let end = from + found + 1;
                        route(&held[start..end], &mut out);
                        (start, from) = (end, end);
                    }
                    held.drain(..start);
                    if to.write_all(&out).is_err() {
                        return;
                    }
                    out.clear();
                }
            })
        };
        let (up_ids, down_ids) = (Arc::clone(&ids), ids);
        let mut next = 0;
        let up = move |line: &[u8], out: &mut Vec<u8>| {
            splice(line, out, &mut |id| {
                next += 1;
                up_ids.lock().unwrap().insert(next, id.to_vec());
                Some(next.to_string().into_bytes())
            });
        };
        let down = move |line: &[u8], out: &mut Vec<u8>| {
            const NAME: &[u8] = b"\"threadId\":\"";
            if let Some(at) = memmem::find(line, NAME).map(|at| at + NAME.len()) {
                let end = at + memchr(b'"', &line[at..]).unwrap_or(0);
                if owners.contains_key(&line[at..end]) {
                    out.extend_from_slice(line);
                }
                return;
            }
            splice(line, out, &mut |id| {
                let id = std::str::from_utf8(id).ok()?.parse().ok()?;
                down_ids.lock().unwrap().remove(&id)
            });
        };
        let twin = |stream: &UnixStream| stream.try_clone().unwrap();
        vec![pump(twin(&client), twin(&server), Box::new(up)), pump(server, client, Box::new(down))]
    }

    /// The processor time of the calling thread.
    fn own_time() -> Duration {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let nanos = text.split_ascii_whitespace().next().and_then(|text| text.parse().ok());
        Duration::from_nanos(nanos.unwrap_or(0))
    }

    fn broker(root: &Path, server: UnixStream) -> (UnixStream, oneshot::Sender<()>, JoinHandle<Duration>) {
        let identity = Identity { workspace: "/w".as_ref(), home: "/h".as_ref(), program: "/p".as_ref() };
        let endpoint = Endpoint::locate(root, root, identity);
        let path = endpoint.to_string().trim_start_matches("unix:").to_owned();
        let launcher = Launcher::from_fn(move || {
            let server = server.try_clone()?;
            server.set_nonblocking(true)?;
            let (reader, writer) = tokio::net::UnixStream::from_std(server)?.into_split();
            Ok(Connection::from_io(reader, writer))
        });
        let (stop, stopped) = oneshot::channel();
        let task = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let began = own_time();
            let mut options = ServeOptions::new(endpoint, launcher);
            // The flood is faster than a client on a busy machine; the naive router would hold it back.
            options.max_unread = usize::MAX;
            runtime.block_on(serve(options, async { drop(stopped.await) })).unwrap();
            own_time() - began
        });
        let client = loop {
            match UnixStream::connect(&path) {
                Ok(client) => break client,
                Err(_) => std::thread::yield_now(),
            }
        };
        (client, stop, task)
    }

    /// A client that has a thread, the way to whom leads as `via` says. `work` is timed by itself.
    fn run<T>(via: Via, load: &Load, work: impl FnOnce(&mut UnixStream) -> T) -> (T, Duration) {
        let root = tempfile::tempdir().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let served = server(theirs, load.clone());
        let (mut client, broker) = match via {
            Via::Direct => (ours, None),
            Via::Naive => {
                let (client, theirs) = UnixStream::pair().unwrap();
                naive(theirs, ours);
                (client, None)
            }
            Via::Broker => {
                let (client, stop, task) = broker(root.path(), ours);
                (client, Some((stop, task)))
            }
        };
        for method in ["initialize", "thread/start"] {
            say(&mut client, method);
            read_line(&mut client);
        }
        let done = work(&mut client);
        drop(client);
        let time = broker.map_or(Duration::ZERO, |(stop, task)| {
            drop(stop);
            task.join().unwrap()
        });
        if via != Via::Naive {
            served.join().unwrap();
        }
        (done, time)
    }

    fn say(client: &mut UnixStream, method: &str) {
        client
            .write_all(format!("{{\"id\":7,\"method\":\"{method}\",\"params\":{{}}}}\n").as_bytes())
            .unwrap();
    }

    fn read_line(client: &mut UnixStream) {
        let mut byte = [0];
        while byte != *b"\n" {
            assert_eq!(client.read(&mut byte).unwrap(), 1);
        }
    }

    /// The time from `go` to the last message.
    fn drink(client: &mut UnixStream, lines: u64) -> Duration {
        let mut buffer = vec![0; 256 * 1024];
        let began = Instant::now();
        say(client, "go");
        // The answer to `go` is a line too.
        let mut left = lines + 1;
        while left > 0 {
            let count = client.read(&mut buffer).unwrap();
            assert!(count > 0);
            left -= memchr::memchr_iter(b'\n', &buffer[..count]).count() as u64;
        }
        began.elapsed()
    }

    fn loads() -> Vec<(&'static str, Load)> {
        let load = |lengths: &[usize], write: usize| Load {
            lines: Arc::new(lengths.iter().flat_map(|length| line(*length)).collect()),
            count: 0,
            write,
        };
        vec![
            ("200B in 64KiB writes", load(&[200], 64 * 1024)),
            ("200B in a write each", load(&[200], 0)),
            ("1KiB", load(&[1024], 64 * 1024)),
            ("8KiB", load(&[8192], 64 * 1024)),
            ("mix", load(&[180, 220, 210, 250, 190, 400, 600, 230, 1200, 200, 4000, 240], 64 * 1024)),
        ]
    }

    /// What criterion has no place for.
    fn percentiles() {
        one_core(|| {
            let load = Load { lines: Arc::new(line(200)), count: 0, write: 0 };
            for (name, via) in [("direct", Via::Direct), ("naive", Via::Naive), ("broker", Via::Broker)] {
                let (mut times, _) = run(via, &load, |client| {
                    let mut times = Vec::new();
                    for _ in 0..20_000 {
                        let began = Instant::now();
                        say(client, "echo");
                        read_line_at_once(client);
                        times.push(began.elapsed());
                    }
                    times
                });
                times.sort_unstable();
                for percent in [50, 99] {
                    let time = times[times.len() * percent / 100];
                    figure(&format!("round trip/{name} p{percent}"), time.as_secs_f64() * 1e9);
                }
            }
        });
        let count = 1_000_000;
        let load = Load { count, write: 64 * 1024, lines: Arc::new(line(200)) };
        let (_, time) = run(Via::Broker, &load, |client| drink(client, count));
        figure("processor time of 100,000 messages", time.as_secs_f64() * 1e8);
    }

    /// Does it on one processor, as do the threads that it starts: a second one would hide what the first must do. Where
    /// `taskset` is missing, on all of them.
    fn one_core(work: impl FnOnce()) {
        let process = std::process::id().to_string();
        let bind = |processors: &str| {
            let mut taskset = std::process::Command::new("taskset");
            let arguments = ["--pid", "--cpu-list", processors, &process];
            taskset.args(arguments).output().is_ok_and(|output| output.status.success())
        };
        if !bind("0") {
            println!("not on one core: no `taskset`, or processor 0 is not ours");
        }
        work();
        bind("0-1023");
    }

    /// Tells a figure of nanoseconds to the reader, and to `cargo measure table`.
    fn figure(name: &str, value: f64) {
        println!("{name}: {:.1} µs", value / 1e3);
        if let Some(file) = std::env::var_os("COMPANION_BENCH_FIGURES") {
            let mut file = std::fs::OpenOptions::new().append(true).open(file).unwrap();
            writeln!(file, "{name}\t{value}").unwrap();
        }
    }

    fn read_line_at_once(client: &mut UnixStream) {
        let mut buffer = [0; 4096];
        loop {
            let count = client.read(&mut buffer).unwrap();
            assert!(count > 0);
            if buffer[count - 1] == b'\n' {
                return;
            }
        }
    }

    pub(super) fn main() {
        let mut criterion = Criterion::default().configure_from_args().sample_size(10);
        let vias = [("naive", Via::Naive), ("broker", Via::Broker)];
        for (name, load) in loads() {
            let mut group = criterion.benchmark_group(format!("flood/{name}"));
            group.throughput(Throughput::Elements(1));
            for (who, via) in vias {
                group.bench_function(BenchmarkId::from_parameter(who), |bencher| {
                    bencher.iter_custom(|count| {
                        let load = Load { count, ..load.clone() };
                        run(via, &load, |client| drink(client, count)).0
                    });
                });
            }
            group.finish();
        }
        let long = Load { lines: Arc::new(line(8_000_000)), count: 1, write: 64 * 1024 };
        let mut group = criterion.benchmark_group("line/8MB");
        for (who, via) in vias {
            group.bench_function(BenchmarkId::from_parameter(who), |bencher| {
                bencher.iter_custom(|count| {
                    (0..count).map(|_| run(via, &long, |client| drink(client, 1)).0).sum()
                });
            });
        }
        group.finish();
        criterion.final_summary();
        percentiles();
    }
}

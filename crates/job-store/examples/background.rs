//! One process queues jobs, others take them, and everybody looks: run it in several terminals at once.
//!
//! ```text
//! cargo run -p codex-job-store --example background -- FOLDER queue "a title"
//! cargo run -p codex-job-store --example background -- FOLDER work
//! cargo run -p codex-job-store --example background -- FOLDER look
//! cargo run -p codex-job-store --example background -- FOLDER follow job-1
//! cargo run -p codex-job-store --example background -- FOLDER cancel job-1
//! ```
//!
//! Kill a worker with `kill -9`, and look again.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]
#![allow(clippy::disallowed_methods, reason = "an example is a program of its own")]

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use codex_job_store::{Filter, FollowFrom, Followed, JobOutcome, JobUpdate, NewJob, Store, StoreOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [folder, command, rest @ ..] = words.as_slice() else {
        return Err("FOLDER and one of queue, work, look, follow, cancel are needed".into());
    };
    let folder = std::path::absolute(Path::new(folder))?;
    let store = Store::open(&folder, &folder, StoreOptions::default())?;
    match (*command, rest) {
        ("queue", [title]) => println!("{}", store.create(NewJob::new("example", "example", *title))?.id),
        ("work", []) => work(&store)?,
        ("look", []) => {
            for job in store.snapshot(&Filter::all().limit(20))?.jobs {
                let why = job.error_message.unwrap_or(job.summary);
                println!("{} {:<9} {} {why}", job.id, job.status, job.title);
            }
        }
        ("follow", [job]) => follow(&store, job)?,
        ("cancel", [job]) => println!("{:?}", store.request_cancel(&store.find(job)?.id)?),
        _ => return Err("there is no such command".into()),
    }
    for notice in store.take_notices() {
        println!("note: {}", notice.message);
    }
    Ok(())
}

/// Takes the oldest job that is queued, and works at it for ten seconds.
fn work(store: &Store) -> Result<(), Box<dyn Error>> {
    let Some(lease) = store.claim_next(&Filter::all())? else {
        println!("nothing to do");
        return Ok(());
    };
    let log = lease.log_writer()?;
    for step in 1..=10 {
        if lease.cancel_requested() {
            break;
        }
        lease.update(&JobUpdate::new().phase(format!("step {step}")))?;
        log.line(&format!("Step {step} of 10."))?;
        std::thread::sleep(Duration::from_secs(1));
    }
    let ended = lease.finish(&JobOutcome::completed().rendered("All steps done."))?;
    println!("{} is {}", ended.id, ended.status);
    Ok(())
}

fn follow(store: &Store, job: &str) -> Result<(), Box<dyn Error>> {
    let mut follow = store.follow(&store.find(job)?.id, FollowFrom::Start)?;
    loop {
        match follow.next(Duration::from_secs(60))? {
            Followed::Line(line) => println!("{}", line.text()),
            Followed::Finished(job) => {
                println!("{}", job.status);
                return Ok(());
            }
            _ => {}
        }
    }
}

//! Staying with a job for as long as its caller does, and telling how it fares.

use std::time::{Duration, Instant};

use codex_job_store::Job;
use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::RequestContext;

use super::calls::blocking;
use crate::commands::jobs::Jobs;
use crate::exit::Failure;
use crate::progress::elapsed;
use crate::sanitize::one_line;

/// How long one look lasts; the end of a job ends it.
const LOOK: Duration = Duration::from_millis(250);
/// How often a phase that goes on is told again.
const REPEAT: Duration = Duration::from_secs(5);

/// How following a job ended.
#[derive(Debug)]
pub(super) enum Followed {
    /// The job has ended.
    Ended(Job),
    /// It goes on, and the time is over.
    Runs(Job),
    /// Nobody waits any more: the call was cancelled, or the client is gone.
    Left,
}

/// Follows a job to its end, for as long as the call is waited for and `limit` at most.
pub(super) async fn follow(
    jobs: &Jobs,
    job: &Job,
    limit: Duration,
    context: &RequestContext<RoleServer>,
) -> Result<Followed, Failure> {
    let begun = Instant::now();
    let mut progress = Progress::new(context, begun);
    progress.tell(job).await;
    loop {
        let left = limit.saturating_sub(begun.elapsed());
        let (store, ids) = (jobs.store.clone(), [job.id.clone()]);
        let look = blocking(move || {
            store.wait(&ids, left.min(LOOK)).map(|mut jobs| jobs.remove(0)).map_err(Failure::from)
        });
        let job = tokio::select! {
            biased;
            () = context.ct.cancelled() => return Ok(Followed::Left),
            job = look => job?,
        };
        if !job.is_active() {
            return Ok(Followed::Ended(job));
        }
        if left.is_zero() {
            return Ok(Followed::Runs(job));
        }
        progress.tell(&job).await;
    }
}

/// Tells the phase when it is another, and now and then that it goes on.
struct Progress<'a> {
    context: &'a RequestContext<RoleServer>,
    /// Whoever gave none wants none.
    token: Option<ProgressToken>,
    begun: Instant,
    told: Option<(String, Instant)>,
}

impl<'a> Progress<'a> {
    fn new(context: &'a RequestContext<RoleServer>, begun: Instant) -> Self {
        Self { context, token: context.meta.get_progress_token(), begun, told: None }
    }

    async fn tell(&mut self, job: &Job) {
        let Some(token) = &self.token else { return };
        let phase = job.phase.as_deref().unwrap_or(job.status.as_str());
        if self.told.as_ref().is_some_and(|(last, when)| last == phase && when.elapsed() < REPEAT) {
            return;
        }
        self.told = Some((phase.to_owned(), Instant::now()));
        let since = self.begun.elapsed();
        let message = format!("{} ({})", one_line(phase, 100), elapsed(since));
        let seconds = (since.as_secs_f64() * 1000.0).round() / 1000.0;
        let told = ProgressNotificationParam::new(token.clone(), seconds).with_message(message);
        // Never long: what a client does not read is not waited for.
        let _ = self.context.peer.notify_progress(told).await;
    }
}

//! Following a job for as long as its call is waited for, with progress notifications.

use std::time::{Duration, Instant};

use codex_base::duration;
use codex_base::text::one_line;
use codex_companion_core::{Error, Follow, Followed as Waited, Job, Jobs, Kind, Result};
use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::RequestContext;
use tokio::sync::mpsc;

/// How often a phase that has not changed is reported again.
const REPEAT: Duration = Duration::from_secs(5);

/// How following a job ended.
#[derive(Debug)]
pub(crate) enum Followed {
    /// The job has ended.
    Ended(Job),
    /// The time is over, and the job continues.
    StillRunning(Job),
    /// The call was cancelled, or the client is gone.
    Cancelled,
}

/// Follows a job to its end, for as long as the call is waited for and `limit` at most.
pub(crate) async fn follow(
    jobs: &Jobs,
    job: &Job,
    limit: Duration,
    context: &RequestContext<RoleServer>,
) -> Result<Followed> {
    let mut progress = Progress::new(context);
    progress.report(job).await;
    // One place: a phase that is not reported in time is replaced by the next one.
    let (sender, mut phases) = mpsc::channel(1);
    let (store, ids, cancelled) = (jobs.store().clone(), [job.id.clone()], context.ct.clone());
    let mut waiting = tokio::task::spawn_blocking(move || {
        Follow::new(&store, &ids).limit(limit).wait_while(
            || cancelled.is_cancelled(),
            |jobs| {
                if let [job] = jobs {
                    let _ = sender.try_send(job.clone());
                }
            },
        )
    });
    let waited = loop {
        tokio::select! {
            biased;
            () = context.ct.cancelled() => return Ok(Followed::Cancelled),
            waited = &mut waiting => break waited,
            Some(job) = phases.recv() => progress.report(&job).await,
        }
    };
    let waited = waited
        .map_err(|error| Error::new(Kind::Internal, "a fault of codex-companion").caused_by(error))??;
    Ok(match waited {
        Waited::Ended(mut jobs) => Followed::Ended(jobs.remove(0)),
        Waited::StillRunning(mut jobs) => Followed::StillRunning(jobs.remove(0)),
        Waited::Cancelled => Followed::Cancelled,
    })
}

/// Reports the phase when it changes, and now and then that it continues.
struct Progress<'a> {
    context: &'a RequestContext<RoleServer>,
    /// A client that sent no token wants no progress.
    token: Option<ProgressToken>,
    begun: Instant,
    last: Option<(String, Instant)>,
}

impl<'a> Progress<'a> {
    fn new(context: &'a RequestContext<RoleServer>) -> Self {
        let token = context.meta.get_progress_token();
        Self { context, token, begun: Instant::now(), last: None }
    }

    async fn report(&mut self, job: &Job) {
        let Some(token) = &self.token else { return };
        let phase = job.phase.as_deref().unwrap_or(job.status.as_str());
        if self.last.as_ref().is_some_and(|(last, when)| last == phase && when.elapsed() < REPEAT) {
            return;
        }
        self.last = Some((phase.to_owned(), Instant::now()));
        let since = self.begun.elapsed();
        let message = format!("{} ({})", one_line(phase, 100), duration::format(since));
        let seconds = (since.as_secs_f64() * 1000.0).round() / 1000.0;
        let param = ProgressNotificationParam::new(token.clone(), seconds).with_message(message);
        // Returns at once: the transport does not wait for a client that does not read.
        let _ = self.context.peer.notify_progress(param).await;
    }
}

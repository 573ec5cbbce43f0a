//! `result`

use codex_companion_core::notices;
use codex_companion_core::view::{result_document, result_text, stored_result};
use codex_job_store::Status;

use super::{Answer, App, exit_of};
use crate::args::ResultArgs;
use crate::exit::{Failure, Kind};

pub(super) fn run(app: &App, flags: &ResultArgs) -> Result<Answer, Failure> {
    let jobs = app.jobs()?;
    let job = jobs.choose(flags.job.as_deref(), "finished job in view", |job| !job.is_active())?;
    app.report_notices(&jobs);
    if job.is_active() {
        return Err(Failure::new(Kind::TimedOut, format!("job {} still runs", job.id)).with_hint(format!(
            "`codex-companion await {0}` waits for it, `codex-companion attach {0}` follows it",
            job.id
        )));
    }
    notices::seen(&jobs, &job.id);
    let record = jobs.record(&job)?;
    let exit = exit_of(&job);
    if flags.out.json {
        let stdout = format!("{:#}\n", result_document(&jobs, &job, &record));
        return Ok(Answer { stdout, exit, failure: None });
    }
    if flags.raw {
        let result = stored_result(&record);
        let stdout = result["rawOutput"].as_str().unwrap_or_default().to_owned();
        return Ok(Answer { stdout, exit, failure: None });
    }
    let stdout = result_text(&job, &record, app.broker_listens(jobs.root()));
    let failure = (job.status != Status::Completed).then(|| {
        let why = job.error_message.clone().unwrap_or_else(|| format!("the job was {}", job.status.as_str()));
        Failure::new(if job.status == Status::Cancelled { Kind::Interrupted } else { Kind::TurnFailed }, why)
    });
    Ok(Answer { stdout, exit, failure })
}

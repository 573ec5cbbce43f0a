//! `cancel`

use codex_companion_core::cancel;
use codex_job_store::Job;
use serde_json::json;

use super::{Answer, App};
use crate::args::CancelArgs;
use crate::exit::Failure;

pub(super) fn run(app: &App, flags: &CancelArgs) -> Result<Answer, Failure> {
    let jobs = app.jobs()?;
    let chosen = if flags.all {
        jobs.active(false)?
    } else {
        vec![jobs.choose(flags.job.as_deref(), "running job in view", Job::is_active)?]
    };
    if let [job] = &chosen[..]
        && !job.is_active()
    {
        return Err(Failure::usage(format!("job {} already finished ({})", job.id, job.status.as_str())));
    }
    let cancelled = cancel(&jobs, &chosen)?;
    app.report_notices(&jobs);
    let stdout = match (flags.out.json, flags.all) {
        (true, false) => format!("{:#}\n", json!(cancelled.first())),
        (true, true) => format!("{:#}\n", json!({ "cancelled": cancelled })),
        (false, _) if cancelled.is_empty() => "No job in view runs.\n".to_owned(),
        (false, _) => {
            let lines = cancelled.iter().map(|job| format!("{}: {}\n", job.job_id, job.status.as_str()));
            lines.collect()
        }
    };
    Ok(Answer::done(stdout))
}

//! `task-resume-candidate`

use codex_base::text::one_line;
use serde_json::json;

use super::{Answer, App};
use crate::args::JsonArgs;
use crate::exit::Failure;

pub(super) fn run(app: &App, flags: &JsonArgs) -> Result<Answer, Failure> {
    let jobs = app.jobs()?;
    let candidate = jobs.resume_candidate()?;
    let stdout = if flags.json {
        let document = candidate.as_ref().map(|job| {
            json!({
                "id": job.id, "status": job.status, "title": job.title, "summary": job.summary,
                "threadId": job.codex().thread_id, "completedAt": job.completed_at, "updatedAt": job.updated_at,
            })
        });
        let value = json!({
            "available": document.is_some(), "sessionId": jobs.session(), "candidate": document,
        });
        format!("{value:#}\n")
    } else {
        match &candidate {
            Some(job) => {
                let thread = job.codex().thread_id.unwrap_or_default();
                format!("{} {} {}\n", job.id, one_line(&thread, 80), one_line(&job.summary, 80))
            }
            None => "There is no task to continue.\n".to_owned(),
        }
    };
    Ok(Answer::done(stdout))
}

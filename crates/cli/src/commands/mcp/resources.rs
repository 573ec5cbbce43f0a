//! The results of jobs as resources: `codex-job:///ID`.

use codex_job_store::Job;
use rmcp::RoleServer;
use rmcp::model::{ErrorData, Resource, ResourceContents, ResourceTemplate};
use rmcp::service::RequestContext;
use serde_json::json;

use super::calls::{Calls, blocking};
use crate::commands::jobs::{self, Jobs};
use crate::exit::Kind;
use crate::sanitize::one_line;

/// What every address begins with.
const SCHEME: &str = "codex-job:///";
/// What the texts are.
const MIME: &str = "text/plain";

/// How a job's result is addressed.
pub(super) fn template() -> ResourceTemplate {
    ResourceTemplate::new(format!("{SCHEME}{{job_id}}"), "job result")
        .with_description("What a Codex job came to, or how it fares")
        .with_mime_type(MIME)
}

impl Calls {
    /// The finished jobs in view, newest first.
    pub(super) async fn resources(
        &self,
        context: &RequestContext<RoleServer>,
    ) -> Result<Vec<Resource>, ErrorData> {
        let folders = self.workspaces.all(None, context).await.map_err(|failure| internal(&failure))?;
        let apps: Vec<_> = folders.into_iter().map(|folder| self.app_in(folder)).collect();
        let found = blocking(move || {
            let mut found: Vec<Job> = Vec::new();
            for app in apps {
                let jobs = Jobs::open(&app)?;
                let look = jobs.store.look(&jobs.filter(false))?;
                // Two folders may be of one work tree.
                let new = |job: &Job| !job.is_active() && !found.iter().any(|known| known.id == job.id);
                let new: Vec<Job> = look.jobs.into_iter().filter(new).collect();
                found.extend(new);
            }
            Ok(found)
        });
        let found = found.await.map_err(|failure| internal(&failure))?;
        Ok(found.iter().map(resource).collect())
    }

    /// The text of one.
    pub(super) async fn resource(
        &self,
        uri: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<ResourceContents, ErrorData> {
        let unknown = |why: String| ErrorData::resource_not_found(why, Some(json!({ "uri": uri })));
        let Some(id) = uri.strip_prefix(SCHEME).filter(|id| !id.is_empty()) else {
            return Err(unknown(format!("the resources of this server are {SCHEME}JOB_ID")));
        };
        let (app, jobs, job) = match self.find(id, None, context).await {
            Ok(found) => found,
            Err(failure) if failure.kind() == Kind::UnknownJob => {
                return Err(unknown(format!("{failure}; resources/list has those that there are")));
            }
            Err(failure) => return Err(internal(&failure)),
        };
        let text = blocking(move || {
            if job.is_active() {
                return Ok(jobs::job_text(&app, &jobs, &job));
            }
            let record = jobs.store.record(&job.id)?;
            let text = jobs::result_text(&app, &jobs, &job, &record);
            Ok(if text.trim().is_empty() { jobs::job_text(&app, &jobs, &job) } else { text })
        });
        let text = text.await.map_err(|failure| internal(&failure))?;
        Ok(ResourceContents::text(text, uri).with_mime_type(MIME))
    }
}

fn resource(job: &Job) -> Resource {
    Resource::new(format!("{SCHEME}{}", job.id), job.id.as_str())
        .with_title(one_line(&job.title, 80))
        .with_description(format!("{}: {}", job.status.as_str(), one_line(&job.summary, 120)))
        .with_mime_type(MIME)
}

fn internal(failure: &crate::exit::Failure) -> ErrorData {
    let hint = failure.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    ErrorData::internal_error(format!("{failure}{hint}"), None)
}

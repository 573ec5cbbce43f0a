//! The results of jobs as resources: `codex-job:///ID`.

use codex_base::text::one_line;
use codex_companion_core::view::{job_text, result_text};
use codex_companion_core::{Error, Job, Kind};
use rmcp::RoleServer;
use rmcp::model::{ErrorData, Resource, ResourceContents, ResourceTemplate};
use rmcp::service::RequestContext;
use serde_json::json;

use crate::calls::{Calls, blocking};

/// What every address begins with.
const SCHEME: &str = "codex-job:///";
/// What the texts are.
const MIME: &str = "text/plain";

/// How a job's result is addressed.
pub(crate) fn template() -> ResourceTemplate {
    ResourceTemplate::new(format!("{SCHEME}{{job_id}}"), "job result")
        .with_description("The result of a Codex job, or its status")
        .with_mime_type(MIME)
}

impl Calls {
    /// The finished jobs in view, newest first.
    pub(crate) async fn resources(
        &self,
        context: &RequestContext<RoleServer>,
    ) -> Result<Vec<Resource>, ErrorData> {
        let directories = self.workspaces.all(None, context).await.map_err(|error| internal(&error))?;
        let places: Vec<_> = directories.into_iter().map(|directory| self.place(directory)).collect();
        let found = blocking(move || {
            let mut found: Vec<Job> = Vec::new();
            for place in places {
                let in_view = place.jobs()?.in_view(false)?;
                // Two directories may be in one work tree.
                let new = |job: &Job| !job.is_active() && !found.iter().any(|known| known.id == job.id);
                let new: Vec<Job> = in_view.into_iter().filter(new).collect();
                found.extend(new);
            }
            Ok(found)
        });
        let found = found.await.map_err(|error| internal(&error))?;
        Ok(found.iter().map(resource).collect())
    }

    /// The text of one.
    pub(crate) async fn resource(
        &self,
        uri: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<ResourceContents, ErrorData> {
        let unknown = |why: String| ErrorData::resource_not_found(why, Some(json!({ "uri": uri })));
        let Some(id) = uri.strip_prefix(SCHEME).filter(|id| !id.is_empty()) else {
            return Err(unknown(format!("the resources of this server are {SCHEME}JOB_ID")));
        };
        let (place, jobs, job) = match self.find(id, None, context).await {
            Ok(found) => found,
            Err(error) if error.kind() == Kind::UnknownJob => {
                return Err(unknown(format!("{error}; resources/list has those that there are")));
            }
            Err(error) => return Err(internal(&error)),
        };
        let text = blocking(move || {
            let broker_listens = place.broker_listens(&jobs);
            if job.is_active() {
                return Ok(job_text(&jobs, &job, broker_listens));
            }
            let text = result_text(&job, &jobs.record(&job)?, broker_listens);
            Ok(if text.trim().is_empty() { job_text(&jobs, &job, broker_listens) } else { text })
        });
        let text = text.await.map_err(|error| internal(&error))?;
        Ok(ResourceContents::text(text, uri).with_mime_type(MIME))
    }
}

fn resource(job: &Job) -> Resource {
    Resource::new(format!("{SCHEME}{}", job.id), job.id.as_str())
        .with_title(one_line(&job.title, 80))
        .with_description(format!("{}: {}", job.status.as_str(), one_line(&job.summary, 120)))
        .with_mime_type(MIME)
}

fn internal(error: &Error) -> ErrorData {
    let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    ErrorData::internal_error(format!("{error}{hint}"), None)
}

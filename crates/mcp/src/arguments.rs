//! The arguments of the tools.

use std::time::Duration;

use rmcp::model::JsonObject;
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use codex_companion_core::{Error, RunOptions, TargetOptions, TargetScope, settings};

/// How long a call waits by default: less than clients wait for a tool.
const WAIT: Duration = Duration::from_secs(50);
/// The longest wait that a call can request.
const LONGEST_WAIT: u64 = 3600;

/// A call that can be made.
#[derive(Debug)]
pub(super) enum Call {
    Review(Review),
    AdversarialReview(Review),
    Task(Task),
    JobStatus(JobStatus),
    JobResult(JobResult),
    JobCancel(JobCancel),
}

impl Call {
    /// Reads a call. `None` when there is no such tool.
    pub(super) fn read(tool: &str, arguments: Option<JsonObject>) -> Option<Result<Self, Error>> {
        Some(match tool {
            "review" => arguments_of(arguments).map(Self::Review),
            "adversarial_review" => arguments_of(arguments).map(Self::AdversarialReview),
            "task" => arguments_of(arguments).map(Self::Task),
            "job_status" => arguments_of(arguments).map(Self::JobStatus),
            "job_result" => arguments_of(arguments).map(Self::JobResult),
            "job_cancel" => arguments_of(arguments).map(Self::JobCancel),
            _ => return None,
        })
    }
}

fn arguments_of<T: DeserializeOwned>(arguments: Option<JsonObject>) -> Result<T, Error> {
    serde_json::from_value(Value::Object(arguments.unwrap_or_default())).map_err(|error| {
        Error::usage(format!("the arguments cannot be read: {error}"))
            .with_hint("tools/list has the schema of what this tool takes")
    })
}

/// `review` and `adversarial_review`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "schemars")]
pub(super) struct Review {
    /// Review what the branch adds to this ref
    #[schemars(with = "String")]
    pub(super) base: Option<String>,
    /// Review this one commit
    #[schemars(with = "String")]
    pub(super) commit: Option<String>,
    /// Default auto: uncommitted changes, else the branch
    #[schemars(with = "String", extend("enum" = ["auto", "working-tree", "branch"]))]
    pub(super) scope: Option<TargetScope>,
    /// What to look at above all
    #[schemars(with = "String")]
    pub(super) focus: Option<String>,
    #[schemars(with = "String")]
    model: Option<String>,
    #[schemars(with = "String")]
    effort: Option<String>,
    /// Answer at once with a job id
    #[schemars(with = "bool")]
    background: Option<bool>,
    /// Wait this long, then answer with a job id; default 50
    #[schemars(with = "u64")]
    wait_seconds: Option<u64>,
    /// Folder to work in
    #[schemars(with = "String")]
    pub(super) workspace: Option<String>,
}

/// `task`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "schemars")]
pub(super) struct Task {
    /// What to do; passed on verbatim
    pub(super) prompt: String,
    /// Let Codex change files; default false
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) write: Option<bool>,
    /// Continue the last task
    #[serde(default)]
    #[schemars(with = "bool")]
    pub(super) resume: Option<bool>,
    /// Continue this thread
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) thread_id: Option<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    model: Option<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    effort: Option<String>,
    /// Answer at once with a job id
    #[serde(default)]
    #[schemars(with = "bool")]
    background: Option<bool>,
    /// Wait this long, then answer with a job id; default 50
    #[serde(default)]
    #[schemars(with = "u64")]
    wait_seconds: Option<u64>,
    /// Folder to work in
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) workspace: Option<String>,
}

/// `job_status`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "schemars")]
pub(super) struct JobStatus {
    #[schemars(with = "String")]
    pub(super) job_id: Option<String>,
    #[schemars(with = "String")]
    pub(super) workspace: Option<String>,
}

/// `job_result`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "schemars")]
pub(super) struct JobResult {
    pub(super) job_id: String,
    /// Wait this long for its end; default 50
    #[serde(default)]
    #[schemars(with = "u64")]
    wait_seconds: Option<u64>,
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) workspace: Option<String>,
}

/// `job_cancel`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "schemars")]
pub(super) struct JobCancel {
    pub(super) job_id: String,
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) workspace: Option<String>,
}

impl Review {
    pub(super) fn target(&self) -> Result<TargetOptions, Error> {
        let together = match self {
            Self { base: Some(_), commit: Some(_), .. } => Some("base"),
            Self { scope: Some(_), commit: Some(_), .. } => Some("scope"),
            _ => None,
        };
        if let Some(other) = together {
            return Err(Error::usage(format!("`{other}` and `commit` name two targets"))
                .with_hint("leave one of them out"));
        }
        let mut target = TargetOptions::new().scope(self.scope.unwrap_or_default());
        target.base.clone_from(&self.base);
        target.commit.clone_from(&self.commit);
        Ok(target)
    }

    pub(super) fn run(&self) -> Result<RunOptions, Error> {
        run(self.model.as_deref(), self.effort.as_deref())
    }

    pub(super) fn wait(&self) -> Result<Duration, Error> {
        wait(self.background, self.wait_seconds)
    }
}

impl Task {
    pub(super) fn run(&self) -> Result<RunOptions, Error> {
        run(self.model.as_deref(), self.effort.as_deref())
    }

    pub(super) fn wait(&self) -> Result<Duration, Error> {
        wait(self.background, self.wait_seconds)
    }
}

impl JobResult {
    pub(super) fn wait(&self) -> Result<Duration, Error> {
        wait(None, self.wait_seconds)
    }
}

fn run(model: Option<&str>, effort: Option<&str>) -> Result<RunOptions, Error> {
    let alias = |name| settings::model(name).ok_or_else(|| Error::usage("`model` is empty"));
    let effort = effort.map(str::trim).filter(|effort| !effort.is_empty()).map(str::to_owned);
    Ok(RunOptions::new().model(model.map(alias).transpose()?).effort(effort))
}

fn wait(background: Option<bool>, seconds: Option<u64>) -> Result<Duration, Error> {
    match (background, seconds) {
        (_, Some(seconds)) if seconds > LONGEST_WAIT => {
            Err(Error::usage(format!("`wait_seconds` is at most {LONGEST_WAIT}"))
                .with_hint("a job that runs longer continues by itself; job_result can wait again"))
        }
        (Some(true), _) => Ok(Duration::ZERO),
        (_, Some(seconds)) => Ok(Duration::from_secs(seconds)),
        (_, None) => Ok(WAIT),
    }
}

//! The tools as clients see them. All of this uses the context of the client's model, so it is as short as it can be.

use std::sync::{Arc, LazyLock};

use rmcp::handler::server::tool::{schema_for_input, schema_for_output};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use rmcp::schemars::{self, JsonSchema};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::arguments::{JobCancel, JobResult, JobStatus, Review, Task};

/// What is said of the server as a whole.
pub(crate) const INSTRUCTIONS: &str = "Asks OpenAI Codex for reviews and work. Work that outlasts wait_seconds continues as a job: \
    the answer has its jobId for job_result, job_status and job_cancel.";

/// The tools, in the order in which they are listed.
pub(crate) fn all() -> &'static [Tool] {
    static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(tools);
    &TOOLS
}

fn tools() -> Vec<Tool> {
    let reads = ToolAnnotations::new().read_only(true);
    // Codex asks its model over the network.
    let asks = reads.clone().open_world(true);
    let looks = reads.idempotent(true).open_world(false);
    let changes = ToolAnnotations::new().read_only(false).destructive(true);
    vec![
        tool::<Review, ReviewOutput>("review", "Have Codex review a change. Read-only.", &asks, &["focus"]),
        tool::<Review, ReviewOutput>(
            "adversarial_review",
            "Have Codex challenge the design and assumptions of a change. Read-only.",
            &asks,
            &[],
        ),
        tool::<Task, TaskOutput>(
            "task",
            "Hand a question or piece of work to Codex. It reads the workspace and changes files only with write.",
            &changes.clone().idempotent(false).open_world(true),
            &[],
        ),
        tool::<JobStatus, StatusOutput>(
            "job_status",
            "One job, or without job_id the running and recent ones.",
            &looks,
            &[],
        ),
        tool::<JobResult, ResultOutput>("job_result", "What a job came to; waits for its end.", &looks, &[]),
        tool::<JobCancel, CancelOutput>(
            "job_cancel",
            "End a running job.",
            &changes.idempotent(true).open_world(false),
            &[],
        ),
    ]
}

/// The names, for the error about an unknown one.
pub(crate) fn names() -> String {
    let names: Vec<&str> = all().iter().map(|tool| &*tool.name).collect();
    names.join(", ")
}

fn tool<I: JsonSchema + 'static, O: JsonSchema + 'static>(
    name: &'static str,
    description: &'static str,
    annotations: &ToolAnnotations,
    without: &[&str],
) -> Tool {
    let mut input = schema(&schema_for_input::<I>().expect("arguments are an object"));
    if let Some(Value::Object(properties)) = input.get_mut("properties") {
        properties.retain(|name, _| !without.contains(&name.as_str()));
    }
    let output = schema(&schema_for_output::<O>());
    Tool::new(name, description, Arc::new(input))
        .with_raw_output_schema(Arc::new(output))
        .with_annotations(annotations.clone())
}

/// A schema without what tells neither a model nor a validator anything.
fn schema(schema: &JsonObject) -> JsonObject {
    let mut schema = schema.clone();
    compact(&mut schema);
    schema
}

fn compact(schema: &mut Map<String, Value>) {
    // A property may go by any of these names; then its value is a schema.
    schema.retain(|name, value| match name.as_str() {
        "$schema" | "title" | "format" => !value.is_string(),
        "additionalProperties" => *value != true,
        "default" => false,
        _ => true,
    });
    for value in schema.values_mut() {
        match value {
            Value::Object(inner) => compact(inner),
            Value::Array(items) => items.iter_mut().filter_map(Value::as_object_mut).for_each(compact),
            _ => {}
        }
    }
}

/// Any object.
type Object = Map<String, Value>;

// What the tools answer: the documents of `--json`, of which these name what a program may rely on. Every answer of a tool
// fits, so nothing is required: the report, the id of a job that still runs, or an error.

#[derive(Default, Serialize, JsonSchema)]
#[serde(default)]
#[schemars(crate = "schemars", inline)]
struct ErrorOutput {
    kind: String,
    message: String,
    hint: Option<String>,
}

/// A word while the job runs; of a task that has ended, 0 or 1.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(crate = "schemars", inline, transform = word_or_number)]
struct TaskStatus(Value);

fn word_or_number(schema: &mut schemars::Schema) {
    *schema = schemars::json_schema!({"type": ["string", "integer"]});
}

#[derive(Default, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(crate = "schemars")]
struct ReviewOutput {
    job_id: String,
    status: String,
    hint: String,
    /// verdict, summary, findings, next_steps
    result: Option<Object>,
    raw_output: String,
    parse_error: Option<String>,
    error: ErrorOutput,
}

#[derive(Default, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(crate = "schemars")]
struct TaskOutput {
    job_id: String,
    status: TaskStatus,
    hint: String,
    thread_id: Option<String>,
    raw_output: String,
    touched_files: Vec<String>,
    error: ErrorOutput,
}

#[derive(Default, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(crate = "schemars")]
struct StatusOutput {
    job: Object,
    running: Vec<Object>,
    recent: Vec<Object>,
    error: ErrorOutput,
}

#[derive(Default, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(crate = "schemars")]
struct ResultOutput {
    job: Object,
    stored_job: Object,
    job_id: String,
    status: String,
    hint: String,
    error: ErrorOutput,
}

#[derive(Default, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(crate = "schemars")]
struct CancelOutput {
    job_id: String,
    status: String,
    turn_interrupted: bool,
    error: ErrorOutput,
}

//! From a request to one that can be run: everything that can be wrong without Codex is checked here.

use std::path::{Path, PathBuf};

use codex_base::text::one_line;
use codex_review_target::{ConfigScope, MeasureOptions, Recommendation, Target, measure, recommend};
use codex_rpc::policy::{ToolPattern, ToolPatternError};

use crate::codex::Codex;
use crate::error::{Error, Kind, Result};
use crate::request::{Approvals, Request, What};
use crate::settings::Settings;
use crate::trace::event;
use crate::{Companion, Workspace};

/// The most characters that Codex accepts as one input (observed, 0.169.0: more is refused with -32602).
pub const MAX_PROMPT_CHARS: usize = 1_048_576;

/// Where a request is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunIn {
    /// In the caller's process.
    Foreground,
    /// In a worker.
    Background,
}

/// A request that can be run. Commits are pinned: what a worker runs later is what was checked.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(crate) request: Request,
    pub(crate) settings: Settings,
    pub(crate) codex: Codex,
    pub(crate) root: PathBuf,
    pub(crate) target: Option<Target>,
    pub(crate) summary: String,
    /// Whether the target was pinned by an earlier process.
    pub(crate) restored: bool,
}

impl Companion {
    /// Checks a request: revisions, settings, the program, the prompt's length. Reads no diff.
    ///
    /// # Errors
    /// When anything in the request or the settings is wrong, or the codex program is not found.
    pub fn prepare(&self, request: Request, run_in: RunIn) -> Result<Prepared> {
        let (root, target, summary) = examine(&request)?;
        let settings = self.settings(Some(&root), request.flags())?;
        let mut codex = self.codex(&settings, &request.cwd, &root)?.overrides(request.options.config.clone());
        codex.transport = self.transport(&settings, &codex, run_in == RunIn::Background)?;
        if let What::Task { approvals: Approvals::OnRequest, .. } = request.what {
            tool_patterns(&settings)?;
        }
        event!(
            DEBUG,
            kind = request.kind(),
            target = target.as_ref().map(Target::mode),
            broker = matches!(codex.transport, crate::codex::Transport::Broker(_)),
            "request prepared"
        );
        Ok(Prepared::new(request, settings, codex, root, target, summary))
    }
}

fn examine(request: &Request) -> Result<(PathBuf, Option<Target>, String)> {
    match &request.what {
        What::Review { target } | What::AdversarialReview { target, .. } => {
            let target = match &request.pinned {
                Some(pinned) => pinned.resolve(&request.cwd, ConfigScope::User)?,
                None => target.resolve(&request.cwd)?,
            };
            let summary = target.label();
            Ok((target.repo_root().to_path_buf(), Some(target), summary))
        }
        What::Task { prompt, .. } => {
            check_prompt_length(prompt)?;
            let root = Workspace::find(&request.cwd).root().to_path_buf();
            Ok((root, None, one_line(prompt, 120)))
        }
    }
}

impl Prepared {
    fn new(
        mut request: Request,
        settings: Settings,
        codex: Codex,
        root: PathBuf,
        target: Option<Target>,
        summary: String,
    ) -> Self {
        let restored = request.pinned.is_some();
        if !restored {
            request.pinned = target.as_ref().map(Target::pinned);
        }
        Self { request, settings, codex, root, target, summary, restored }
    }

    /// Checks a request with a Codex and settings of the caller's own: no settings file is read, no program searched.
    ///
    /// # Errors
    /// When anything in the request is wrong.
    pub fn with_codex(request: Request, codex: Codex, settings: Settings) -> Result<Self> {
        let (root, target, summary) = examine(&request)?;
        Ok(Self::new(request, settings, codex, root, target, summary))
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// One line about it.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// The root of the work tree.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The change to be reviewed; `None` for a task.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// Whether the review is worth waiting for, and why. Bounded: it counts no more than it needs. `None` for a task.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub fn recommendation(&self) -> Result<Option<Recommendation>> {
        let Some(target) = &self.target else { return Ok(None) };
        let size = measure(target, &MeasureOptions::new())?;
        Ok(Some(recommend(&size)))
    }
}

/// The MCP tools that the settings approve.
pub(crate) fn tool_patterns(settings: &Settings) -> Result<Vec<ToolPattern>> {
    let parse = |text: &String| {
        text.parse()
            .map_err(|error: ToolPatternError| Error::new(Kind::Settings, format!("approvals.mcp: {error}")))
    };
    settings.approvals_mcp.iter().map(parse).collect()
}

/// Refuses a prompt that Codex would refuse.
///
/// # Errors
/// More than [`MAX_PROMPT_CHARS`] characters.
pub fn check_prompt_length(prompt: &str) -> Result<()> {
    // A character is at least a byte: most prompts need no counting.
    if prompt.len() <= MAX_PROMPT_CHARS {
        return Ok(());
    }
    let count = prompt.chars().count();
    if count <= MAX_PROMPT_CHARS {
        return Ok(());
    }
    let message = format!("the prompt has {count} characters; Codex takes {MAX_PROMPT_CHARS}");
    let hint = "put the long part into a file of the repository and name that file in the prompt";
    Err(Error::new(Kind::PromptTooLong, message).with_hint(hint))
}

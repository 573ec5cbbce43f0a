//! Whether the review gate of a workspace is on.

use std::path::Path;

use crate::Companion;
use crate::error::Result;
use crate::jobs::Jobs;
use crate::settings::{Flags, PROJECT_FILE, SettingsFile};

impl Companion {
    /// Turns the gate of a workspace on or off, whatever the settings say.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn set_gate(&self, jobs: &Jobs, on: bool) -> Result<()> {
        jobs.store().set_config(|config| config.stop_review_gate = on)?;
        Ok(())
    }

    /// Whether turns in the workspace are reviewed before they end: what [`set_gate`](Self::set_gate) stored, else the settings.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn gate_is_on(&self, jobs: &Jobs) -> Result<bool> {
        let config = jobs.store().config()?;
        if config.stop_review_gate || jobs.store().folder().join("config.json").exists() {
            return Ok(config.stop_review_gate);
        }
        Ok(self.settings_turn_gate_on(jobs.root()))
    }

    /// Whether the settings turn the gate on. An error elsewhere in them turns it neither off nor on.
    #[must_use]
    pub fn settings_turn_gate_on(&self, root: &Path) -> bool {
        self.settings(Some(root), Flags::default())
            .map_or_else(|_| self.settings_mention_gate(root), |settings| settings.review_gate == Some(true))
    }

    fn settings_mention_gate(&self, root: &Path) -> bool {
        let project = SettingsFile::read(&root.join(PROJECT_FILE)).ok().flatten();
        match self.user_settings.as_deref().map(SettingsFile::read) {
            // What the user wants is unknown: a gate that reports its failure is better than none.
            Some(Err(_)) => true,
            user => {
                let user = user.and_then(std::result::Result::ok).flatten();
                user.iter().chain(&project).flat_map(|file| file.text.lines()).any(turns_on)
            }
        }
    }
}

/// Whether a line of settings sets the gate to anything but off.
fn turns_on(line: &str) -> bool {
    let Some((key, value)) = line.split_once('=') else { return false };
    key.trim().trim_matches(['"', '\'']) == "review_gate" && !value.trim_start().starts_with("false")
}

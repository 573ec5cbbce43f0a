//! Claude Code's screen, under a tmux of its own.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Claude;
use crate::LIMIT;

/// A program on a screen of 160 by 50, in a tmux server that ends when this is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends what runs on the screen"]
pub struct Screen {
    socket: PathBuf,
    _folder: TempDir,
}

impl Screen {
    /// Starts `claude` with these words, and waits until it takes a prompt.
    ///
    /// # Panics
    ///
    /// When tmux is missing, or no prompt appears in [`LIMIT`].
    #[track_caller]
    pub fn start(claude: &Claude, words: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("screen-").tempdir().expect("a folder can be made");
        let new = Self { socket: folder.path().join("tmux"), _folder: folder };
        let program = claude.command(words);
        // The server's environment is what the programs on its screens get.
        let mut tmux = claude.program("tmux".as_ref(), &["-u", "-f", "/dev/null", "-S"]);
        tmux.arg(&new.socket).args(["new-session", "-d", "-x", "160", "-y", "50", "--"]);
        tmux.arg(program.get_program()).args(program.get_args()).env("LC_ALL", "C.UTF-8");
        check(&mut tmux);
        new.wait_for("❯");
        new
    }

    /// What the screen shows.
    pub fn text(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// What the screen shows and what scrolled off it.
    pub fn whole(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-S", "-"])
    }

    /// Types this text.
    pub fn type_text(&self, text: &str) -> &Self {
        self.tmux(&["send-keys", "-l", "--", text]);
        self
    }

    /// Pastes this text, of any number of lines.
    pub fn paste(&self, text: &str) -> &Self {
        self.tmux(&["set-buffer", "--", text]);
        // Bracketed, when the program asked for it.
        self.tmux(&["paste-buffer", "-p", "-r"]);
        self
    }

    /// Presses a key by tmux's name for it: `Enter`, `Escape`, `C-c`.
    pub fn press(&self, key: &str) -> &Self {
        self.tmux(&["send-keys", key]);
        self
    }

    /// Presses Enter as a person does who looks whether it helped: a key that comes while the screen is set up anew is lost,
    /// and on an empty line it does nothing.
    ///
    /// # Panics
    ///
    /// When what was to come of it does not in [`LIMIT`].
    #[track_caller]
    pub fn submit(&self, came: impl Fn() -> bool) -> &Self {
        const AGAIN: Duration = Duration::from_secs(5);
        let mut pressed: Option<Instant> = None;
        self.wait_until("what Enter begins", |_| {
            if pressed
                .get_or_insert_with(|| {
                    self.press("Enter");
                    Instant::now()
                })
                .elapsed()
                > AGAIN
            {
                pressed = None;
            }
            came()
        });
        self
    }

    /// Waits until the screen shows this text, and gives the screen.
    ///
    /// # Panics
    ///
    /// When it does not in [`LIMIT`], with what it shows.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_until(&format!("{text:?}"), |screen| screen.contains(text))
    }

    /// Waits until the screen is such, and gives it; `what` says what is waited for.
    ///
    /// # Panics
    ///
    /// When it does not come to that in [`LIMIT`].
    #[track_caller]
    pub fn wait_until(&self, what: &str, mut holds: impl FnMut(&str) -> bool) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let screen = self.text();
            if holds(&screen) {
                return screen;
            }
            assert!(Instant::now() < deadline, "waiting for {what}, the screen shows:\n{screen}");
            // A screen can only be looked at.
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn tmux(&self, words: &[&str]) -> String {
        let mut tmux = Command::new("tmux");
        check(tmux.arg("-u").arg("-S").arg(&self.socket).args(words))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It ends by itself when the program on its only screen has ended.
        drop(Command::new("tmux").arg("-S").arg(&self.socket).arg("kill-server").output());
    }
}

fn check(tmux: &mut Command) -> String {
    let output = tmux.output().expect("tmux is installed (`cargo xtask test` looks for it)");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tmux:?}: {}\n{stderr}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

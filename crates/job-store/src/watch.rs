use std::path::Path;
use std::time::Duration;

/// Waits for changes in a directory: by inotify on Linux; elsewhere, or where that fails, by polling.
///
/// What happened since the last wait ends the next one at once. It may also end without a reason.
#[derive(Debug)]
pub(crate) struct Watch {
    #[cfg(target_os = "linux")]
    inotify: Option<linux::Inotify>,
    pause: Duration,
}

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

impl Watch {
    pub(crate) fn new(folder: &Path) -> Self {
        #[cfg(not(target_os = "linux"))]
        let _ = folder;
        Watch {
            #[cfg(target_os = "linux")]
            inotify: linux::Inotify::new(folder).ok(),
            pause: FIRST_PAUSE,
        }
    }

    /// Returns when something may have changed, at the latest after `timeout`.
    pub(crate) fn wait(&mut self, timeout: Duration) {
        #[cfg(target_os = "linux")]
        if let Some(inotify) = &self.inotify {
            if inotify.wait(timeout).is_ok() {
                return;
            }
            self.inotify = None;
        }
        std::thread::sleep(self.pause.min(timeout));
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::OwnedFd;
    use std::path::Path;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
    use rustix::io::{Errno, Result, read};

    #[derive(Debug)]
    pub(super) struct Inotify(OwnedFd);

    impl Inotify {
        pub(super) fn new(folder: &Path) -> Result<Self> {
            let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
            // The end of a worker is heard too: the system closes the lease file that it had open for writing.
            let what = WatchFlags::MODIFY
                | WatchFlags::CLOSE_WRITE
                | WatchFlags::MOVED_TO
                | WatchFlags::CREATE
                | WatchFlags::DELETE;
            inotify::add_watch(&fd, folder, what)?;
            Ok(Inotify(fd))
        }

        pub(super) fn wait(&self, timeout: Duration) -> Result<()> {
            let limit = Timespec::try_from(timeout).ok();
            match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], limit.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
            // What exactly happened does not matter: the caller looks for itself.
            let mut events = [0; 16 * 1024];
            loop {
                match read(&self.0, &mut events) {
                    Ok(0) | Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
                    Ok(_) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_os = "linux")]
    use codex_base::storage::{Disk, Storage};

    const LONG: Duration = Duration::from_secs(600);

    #[cfg(target_os = "linux")]
    #[test]
    fn what_happened_before_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(folder.path());
        assert!(watch.inotify.is_some());
        Disk.create_new(&folder.path().join("file")).unwrap();
        watch.wait(LONG);
        Disk.remove(&folder.path().join("file")).unwrap();
        watch.wait(LONG);
        watch.wait(Duration::ZERO);
    }

    #[test]
    fn without_a_folder_it_comes_back_soon() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(&folder.path().join("missing"));
        for _ in 0..3 {
            watch.wait(LONG);
        }
        assert!(watch.pause > FIRST_PAUSE && watch.pause <= LONGEST_PAUSE);
    }
}

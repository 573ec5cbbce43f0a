use std::path::Path;

use codex_base::lock::{Access, AcquireError, HeldLock, acquire};

use crate::options::Platform;
use crate::store::Store;
use crate::{Error, ErrorKind, Result};

impl Store {
    /// Waits for a lock for at most [`StoreOptions::lock_deadline`](crate::StoreOptions::lock_deadline). Calls `check` after
    /// each failed attempt; its error ends the wait.
    pub(crate) fn lock_file(
        &self,
        path: &Path,
        access: Access,
        check: impl FnMut() -> Result<()>,
    ) -> Result<Box<dyn HeldLock>> {
        let Platform { locks, clock, .. } = self.platform();
        acquire(&**locks, &**clock, path, access, self.options().lock_deadline, check).map_err(|error| {
            match error {
                AcquireError::GaveUp(error) => error,
                AcquireError::Path(error) => error.into(),
                busy @ AcquireError::Busy { .. } => Error::new(ErrorKind::Busy, busy.to_string()),
            }
        })
    }

    /// The store's one lock. Every writer of `state.json` and `config.json` holds it, and every caller that creates, ends
    /// or removes a job.
    pub(crate) fn lock(&self) -> Result<Box<dyn HeldLock>> {
        self.lock_file(&self.layout().lock, Access::Create, || Ok(()))
    }
}

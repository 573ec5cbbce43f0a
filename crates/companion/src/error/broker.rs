//! Errors of the connection to the broker.

use codex_broker::{ConnectError, ConnectErrorKind};

use super::{Error, Kind};
use codex_base::text::one_line;

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        let hint = match error.kind() {
            ConnectErrorKind::NotRunning => {
                "commands start a broker when it pays; `--broker always` starts one now"
            }
            ConnectErrorKind::Stopped | ConnectErrorKind::NotAnswering => {
                "`codex-companion broker stop --force` ends it; `--broker never` works without it"
            }
            ConnectErrorKind::Refused => "`--force` ends it all the same, with the turns that it runs",
            _ => "`--broker never` works without it",
        };
        Self::new(Kind::Broker, one_line(&error.to_string(), 400)).with_hint(hint)
    }
}

use std::time::Duration;

use tokio::time::Instant;

/// How often the state of a process that cannot be waited for is checked.
pub(crate) const POLL: Duration = Duration::from_millis(10);

/// A deadline this long from now; at most a year, so that no duration is too long for the clock.
pub(crate) fn due(after: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    Instant::now() + after.min(YEAR)
}

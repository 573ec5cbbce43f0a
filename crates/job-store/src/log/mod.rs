//! Logs of jobs: for people to look at while a job runs, framed so that no text of a model can pass for a line
//! of ours. What a job is worth keeping for is in its record.

mod follow;
mod line;
mod read;
mod write;

pub use follow::{Follow, FollowFrom, Followed};
pub use line::LogLine;
pub use read::LogReader;
pub use write::LogWriter;

pub(crate) use line::reframe;
pub(crate) use read::tail;

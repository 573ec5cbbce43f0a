//! What a scripted model answers to which request.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::{ModelRequest, Reply};

/// From requests to replies. Clones share their place in the script.
#[derive(Clone)]
pub struct Scenario(Arc<Kind>);

enum Kind {
    Script(Box<Script>),
    Answer(Box<dyn Fn(&ModelRequest) -> Reply + Send + Sync>),
}

struct Script {
    replies: Vec<Reply>,
    then: Option<Reply>,
    by_thread: bool,
    /// How many replies each thread has had; all threads are one unless `by_thread`.
    served: Mutex<HashMap<String, usize>>,
}

impl Scenario {
    /// Gives the same reply for ever.
    pub fn always(reply: Reply) -> Self {
        Self::script([], Some(reply), false)
    }

    /// Gives the replies in turn, to any thread. After the last one an HTTP 500 says that the script is over, unless
    /// [`then`](Scenario::then) names a reply.
    pub fn in_turn(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::script(replies, None, false)
    }

    /// Like [`in_turn`](Scenario::in_turn), but each thread has the script to itself: turns that run at the same
    /// time do not take each other's replies.
    pub fn per_thread(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::script(replies, None, true)
    }

    /// Computes each reply from its request. The function is called on the endpoint's thread: it must not block.
    pub fn answer(answer: impl Fn(&ModelRequest) -> Reply + Send + Sync + 'static) -> Self {
        Self(Arc::new(Kind::Answer(Box::new(answer))))
    }

    /// The reply to everything past the end of the script, for a scenario that is not in use yet. Nothing changes for
    /// a scenario made by [`answer`](Scenario::answer), which has no end.
    #[must_use]
    pub fn then(self, reply: Reply) -> Self {
        match &*self.0 {
            Kind::Script(script) => Self::script(script.replies.clone(), Some(reply), script.by_thread),
            Kind::Answer(_) => self,
        }
    }

    fn script(replies: impl IntoIterator<Item = Reply>, then: Option<Reply>, by_thread: bool) -> Self {
        let script =
            Script { replies: replies.into_iter().collect(), then, by_thread, served: Mutex::default() };
        Self(Arc::new(Kind::Script(Box::new(script))))
    }

    pub(super) fn reply(&self, request: &ModelRequest) -> Reply {
        match &*self.0 {
            Kind::Answer(answer) => answer(request),
            Kind::Script(script) => {
                let thread = if script.by_thread { request.thread().unwrap_or_default() } else { "" };
                let mut served = script.served.lock().unwrap_or_else(PoisonError::into_inner);
                let served = served.entry(thread.to_owned()).or_default();
                *served += 1;
                script.replies.get(*served - 1).or(script.then.as_ref()).cloned().unwrap_or_else(|| {
                    Reply::error(500, &format!("the scripted model has no reply number {served}"))
                })
            }
        }
    }
}

impl From<Reply> for Scenario {
    fn from(reply: Reply) -> Self {
        Self::always(reply)
    }
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Script(script) => {
                let replies = script.replies.len();
                f.debug_struct("Scenario")
                    .field("replies", &replies)
                    .field("by_thread", &script.by_thread)
                    .finish()
            }
            Kind::Answer(_) => f.write_str("Scenario { answer }"),
        }
    }
}

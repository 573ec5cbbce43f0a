//! Diagnostics: events of `tracing` with the feature of that name, else nothing.

#[cfg(feature = "tracing")]
pub(crate) use tracing::{debug, info, warn};

#[cfg(not(feature = "tracing"))]
mod off {
    /// Reads the values, so that they are not unused, and does nothing.
    macro_rules! event {
        ($($name:ident = $(%)? $value:expr,)* $message:literal) => {
            if false {
                $(let _ = &$value;)*
            }
        };
    }
    pub(crate) use {event as debug, event as info, event as warn};
}
#[cfg(not(feature = "tracing"))]
pub(crate) use off::{debug, info, warn};

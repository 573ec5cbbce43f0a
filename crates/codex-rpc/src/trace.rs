//! Diagnostics through `tracing`, and nothing at all without the feature of that name.

/// Records an event of this crate. No field ever holds a prompt, an answer or any other payload.
macro_rules! event {
    ($level:ident, $($fields:tt)+) => {
        #[cfg(feature = "tracing")]
        ::tracing::event!(target: "codex_rpc", ::tracing::Level::$level, $($fields)+);
    };
}

pub(crate) use event;

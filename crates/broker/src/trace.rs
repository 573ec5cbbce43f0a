//! Diagnostics through `tracing`. Without the feature of that name, an event expands to nothing.

/// Records an event of this crate. No field holds a prompt, an answer or any other payload.
macro_rules! event {
    ($level:ident, $($fields:tt)+) => {
        #[cfg(feature = "tracing")]
        ::tracing::event!(target: "codex_broker", ::tracing::Level::$level, $($fields)+);
    };
}

pub(crate) use event;

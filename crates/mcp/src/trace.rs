//! Diagnostics through `tracing`. Without the feature of that name, an event expands to nothing.

/// Records an event of this crate. No field holds a prompt, an answer or another argument of a call.
macro_rules! event {
    ($level:ident, $($fields:tt)+) => {
        #[cfg(feature = "tracing")]
        ::tracing::event!(target: "codex_companion_mcp", ::tracing::Level::$level, $($fields)+);
    };
}

pub(crate) use event;

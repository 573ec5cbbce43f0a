//! Diagnostics through `tracing`. Without the feature of that name, an event expands to nothing.

/// Records an event of this crate. No field holds the content of a file.
macro_rules! event {
    ($level:ident, $($fields:tt)+) => {
        #[cfg(feature = "tracing")]
        ::tracing::event!(target: "codex_review_target", ::tracing::Level::$level, $($fields)+);
    };
}

pub(crate) use event;

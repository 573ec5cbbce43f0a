//! Diagnostics through `tracing`. Without the feature of that name, an event expands to nothing.

/// Records an event of this crate. No field holds a request, a result or a title.
macro_rules! event {
    ($level:ident, $($fields:tt)+) => {
        #[cfg(feature = "tracing")]
        ::tracing::event!(target: "codex_job_store", ::tracing::Level::$level, $($fields)+);
    };
}

pub(crate) use event;

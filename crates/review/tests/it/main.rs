//! Tests of the public interface.

mod examples;
mod native;
mod properties;
mod sarif;
mod stored;

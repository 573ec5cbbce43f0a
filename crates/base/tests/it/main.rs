//! Tests of the public interface.

mod text;

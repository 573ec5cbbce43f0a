//! Tests of the broker, in one binary.

mod model;
mod router;
mod table;

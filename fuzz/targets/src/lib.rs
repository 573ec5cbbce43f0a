//! What the fuzz targets do with a piece of data.
//!
//! Each function takes any bytes and panics when what the libraries make of them is wrong, by an oracle that is not the
//! code under test: a model, a round trip, `serde_json`, real git. `fuzz/fuzz_targets` hands them to libFuzzer; the test of
//! this crate hands them the corpora that are checked in, with any compiler. `fuzz/README.md` lists them.
#![allow(clippy::disallowed_methods, reason = "a tool for developers")]

#[path = "../../../crates/codex-rpc/tests/it/envelope_model.rs"]
mod envelope_model;
#[path = "../../../crates/review-target/tests/it/fixture.rs"]
#[expect(dead_code, unreachable_pub, clippy::unwrap_used, reason = "it is a helper of that crate's tests")]
mod fixture;
#[path = "../../../crates/codex-rpc/tests/it/frame_model.rs"]
mod frame_model;
#[path = "../../../crates/broker/tests/it/model.rs"]
mod model;
#[path = "../../../crates/broker/tests/it/table.rs"]
#[expect(dead_code, reason = "it is a helper of that crate's tests")]
mod table;
#[path = "../../../crates/codex-rpc/tests/it/turn_model.rs"]
mod turn_model;

mod arguments;
mod envelopes;
mod frames;
mod hooks;
mod json;
mod patches;
mod protocol;
mod reviews;
mod router;
mod store;
mod turns;
mod verdicts;

pub use arguments::arguments;
pub use envelopes::envelopes;
pub use frames::frames;
pub use hooks::hooks;
pub use patches::patches;
pub use protocol::protocol;
pub use reviews::reviews;
pub use router::router;
pub use store::store;
pub use turns::turns;
pub use verdicts::verdicts;

/// A target: any bytes in, a panic when something is wrong.
pub type Target = fn(&[u8]);

/// All targets by their names, which are those of the programs and of the folders of their corpora.
pub const TARGETS: [(&str, Target); 11] = [
    ("arguments", arguments),
    ("envelopes", envelopes),
    ("frames", frames),
    ("hooks", hooks),
    ("patches", patches),
    ("protocol", protocol),
    ("reviews", reviews),
    ("router", router),
    ("store", store),
    ("turns", turns),
    ("verdicts", verdicts),
];

//! The embedding guides of `docs/embedding`, and the READMEs that their crates do not include themselves, as documentation
//! tests: what a reader copies from there compiles and runs.
//!
//! A crate of its own, because published crates cannot have tests that read files outside of them.

#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding/README.md")]
pub mod overview {}
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding/codex-broker.md")]
pub mod codex_broker {}
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding/codex-companion-core.md")]
pub mod codex_companion_core {}
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding/codex-gate.md")]
pub mod codex_gate {}
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding/codex-job-store.md")]
pub mod codex_job_store {}
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding/codex-review.md")]
pub mod codex_review {}
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding/codex-review-target.md")]
pub mod codex_review_target {}
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding/codex-rpc.md")]
pub mod codex_rpc {}

#[cfg(doctest)]
#[doc = include_str!("../../broker/README.md")]
pub mod codex_broker_readme {}
#[cfg(doctest)]
#[doc = include_str!("../../codex-rpc/README.md")]
pub mod codex_rpc_readme {}

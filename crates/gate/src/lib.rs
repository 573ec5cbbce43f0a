//! A review gate: a second model signs off before a turn, a commit or a push goes through.
//!
//! # Theory of operation
//!
//! - **A verdict is read, not guessed.** The reviewer's answer begins with ALLOW or BLOCK. Text that only mentions the
//!   words, or says both, is unparseable, and unparseable is never an ALLOW.
//! - **Three outcomes**: allow, block with findings, and *not reviewed* with the reason (no time, no quota, no reviewer,
//!   no readable answer). The gate's own failures are never blamed on the work that it was to review.
//! - **A policy decides** what each outcome means: fail closed by default and say so, a bounded number of rounds in a turn,
//!   budgets, a cache by the fingerprint of what changed, and no model call at all when nothing changed.
//! - **A reviewer is a trait.** Who reviews (Codex, another model, a command, a test) is the caller's choice; this crate
//!   knows none of them.
//! - **Adapters are pure functions** between an outcome and the exact words that a host expects: agent hooks, git hooks,
//!   plain exit codes.
//!
//! # Limitations
//!
//! This version holds the name and the plan, and no code: nothing can be called yet, and nothing is blocked or allowed.

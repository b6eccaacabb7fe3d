//! The core of [Ebbtide](https://docs.rs/ebbtide): what a shutdown is, and the primitives that drain work.
//!
//! The crate has no runtime, no clock and no I/O. [`model`] holds the phases, the budget, the plan, the report and the state
//! machine that orders a shutdown. [`drain`] holds the stop token, the in-flight tracker, the gate and the registry of
//! stragglers; their interleavings are checked with loom.
//!
//! The crate `ebbtide` re-exports both modules, and the examples name them through it. Depend on that crate, unless these
//! modules are all that you need.

// Each item of a feature says so on docs.rs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Times come from outside, and a panic in the arithmetic on them is a lost shutdown. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

pub mod drain;
pub mod model;

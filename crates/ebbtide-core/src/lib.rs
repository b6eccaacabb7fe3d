//! The core of [Ebbtide](https://docs.rs/ebbtide): the model of a shutdown and the primitives that drain work.
//!
//! The crate has no runtime and no I/O. [`model`] contains the phases, the budget, the plan, the report and the state machine
//! that orders a shutdown. [`drain`] contains the stop token, the in-flight tracker and the registry of stragglers; loom checks
//! their interleavings.
//!
//! The crate `ebbtide` re-exports both modules, and the examples name them through it. Depend on that crate unless you need only
//! these modules.

// docs.rs shows which feature an item requires.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Times come from outside, and a panic in the arithmetic on them would abort the shutdown. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

pub mod drain;
#[cfg(test)]
mod error_form;
pub mod model;

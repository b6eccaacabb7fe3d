//! Compares the drain primitives with `TaskTracker`, `CancellationToken`, `Notify` and `watch`.

mod operations;
mod run;

pub use run::{Options, run};

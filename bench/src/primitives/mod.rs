//! The drain primitives beside `TaskTracker`, `CancellationToken`, `Notify` and `watch`.

mod operations;
mod run;
mod waking;

pub use run::{Options, run};

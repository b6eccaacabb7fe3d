//! The drain primitives beside `TaskTracker`, `CancellationToken`, `Notify` and `watch`.

mod operations;
mod run;

pub use run::{Options, run};

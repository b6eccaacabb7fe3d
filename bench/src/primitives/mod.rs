//! The drain primitives beside `TaskTracker`, `CancellationToken`, `Notify` and `watch`.

mod bars;
mod layer;
mod operations;
mod options;
mod report;
mod run;
mod waking;

pub use options::Options;
pub use run::run;

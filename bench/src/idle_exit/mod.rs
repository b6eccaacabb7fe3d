//! From SIGTERM to the exit of a service that has nothing to do, under Ebbtide and under plain axum.

mod options;
mod report;
mod run;

pub use options::Options;
pub use run::run;

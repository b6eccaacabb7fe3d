//! Throughput of one small handler, served by Ebbtide and by plain axum.

mod load;
mod options;
mod report;
mod run;

pub use options::Options;
pub use run::run;

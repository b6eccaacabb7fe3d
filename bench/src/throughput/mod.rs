//! Throughput of one small handler under Ebbtide and under its peers, and what a request costs in instructions.

mod column;
mod cost;
mod load;
mod options;
mod report;
mod run;

pub use column::Column;
pub use options::Options;
pub use run::run;

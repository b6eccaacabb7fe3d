//! Measures the throughput of one small handler, served by Ebbtide and by plain axum.

mod load;
mod run;

pub use run::{Options, run};

//! Measures the throughput of one small handler under Ebbtide and its peers, and the cost of a request in instructions.

mod clients;
mod load;
mod report;
mod run;

pub use run::{Column, Options, run};

//! Throughput of one small handler under Ebbtide and under its peers, and what a request costs in instructions.

mod clients;
mod load;
mod report;
mod run;

pub use run::{Column, Options, run};

//! Throughput of one small handler under Ebbtide and under its peers, and what a request costs in instructions.

mod clients;
mod cost;
mod load;
mod report;
mod run;

pub use run::{Column, Options, run};

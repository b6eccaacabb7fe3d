//! Measures the cost of a shutdown: lost requests, time to exit, and memory of idle connections.

mod report;
mod run;

pub use run::{Column, Options, Stop, run, stop_under_load};

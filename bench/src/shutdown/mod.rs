//! What a stop costs: requests that are lost, the time to the exit, and the memory of idle connections.

mod report;
mod run;

pub use run::{Column, Options, Stop, run, stop_under_load};

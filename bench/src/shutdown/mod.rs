//! What a stop costs: requests that are lost, the time to the exit, and the memory of idle connections.

mod report;
mod run;
mod stops;

pub use run::{Column, Options, run};
pub use stops::{Stop, stop_under_load};

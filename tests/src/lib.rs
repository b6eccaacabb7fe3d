//! The test harness: runs programs as real processes, with real servers and clients, and observes how they end.

pub mod brokers;
mod descriptors;
pub mod jobs;
mod namespaces;
mod ports;
mod process;
mod programs;
mod routes;
pub mod services;
pub mod storm;
pub mod streaming;
mod telemetry;

pub use descriptors::kinds_protoset;
pub use namespaces::{LATE_PORTS, Namespaces};
pub use ports::free_port;
pub use process::{Ended, Process, Served};
pub use programs::{
    Rehearsed, ReportFile, ebbtide_program, example, library_crates, rehearse, rehearse_in, service,
    service_program,
};
pub use routes::{pattern, routes};
pub use services::Stall;
pub use storm::raise_open_files;
pub use telemetry::{Collected, Collector, Exporters, end};

//! The comparisons, and what they share: a clock, rounds and medians, CPU pinning, the services and their clients.
#![cfg_attr(not(test), warn(unused_crate_dependencies))]

// Dependencies for the sake of their features: see the manifest.
use {
    crossbeam_utils as _, libc as _, sync_wrapper as _, tokio_rustls as _, tokio_stream as _, toml as _,
    tower as _, tracing_core as _,
};

pub mod check;
pub mod client;
pub mod idle_exit;
pub mod idle_memory;
pub mod load_generator;
pub mod measure;
pub mod ping;
pub mod primitives;
pub mod queue;
pub mod service;
pub mod shutdown;
pub mod soak;
pub mod throughput;

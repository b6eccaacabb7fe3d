//! What the comparisons share: a clock, rounds and medians, threads that are kept apart, the services, their clients; and what
//! each compares.
#![cfg_attr(not(test), warn(unused_crate_dependencies))]

pub mod client;
pub mod idle_exit;
pub mod measure;
pub mod ping;
pub mod primitives;
pub mod queue;
pub mod service;
pub mod shutdown;
pub mod soak;
pub mod throughput;

//! What the comparisons share: a clock, rounds and medians, threads that are kept apart, the two services; and what
//! each compares.

pub mod conclude;
pub mod idle_exit;
pub mod measure;
pub mod ping;
pub mod primitives;
pub mod service;

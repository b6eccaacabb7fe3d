//! What the comparisons share: a clock, rounds and medians, threads that are kept apart; and what each compares.

pub mod measure;
pub mod primitives;

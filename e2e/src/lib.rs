//! Runs programs as real processes and watches how they end.

mod process;

pub use process::{Ended, Process};

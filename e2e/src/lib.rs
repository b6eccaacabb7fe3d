//! Runs programs as real processes and watches how they end.

mod command;
mod process;

pub use command::{Rehearsed, ebbtide, rehearse};
pub use process::{Ended, Process};

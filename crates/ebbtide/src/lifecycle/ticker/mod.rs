//! Periodic tasks: their schedules, and the handling of their errors.

#[cfg(feature = "cron")]
mod calendar;
#[cfg(feature = "cron")]
mod cron;
mod every;
mod run;

#[cfg(feature = "cron")]
pub use cron::CronError;
pub use every::{Every, OnError};

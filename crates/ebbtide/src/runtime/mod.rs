//! What runs a lifecycle: clock, operating system, watchdog thread, and the loop over the machine.

pub(crate) mod clock;
mod dispatcher;
mod executor;
mod flush;
mod input;
mod last_words;
mod ledger;
pub(crate) mod os;
mod panics;
mod registration;
mod report_file;
mod start_up;
mod voice;
mod watchdog;

pub(crate) use dispatcher::{Dispatcher, Links, Settings};
pub(crate) use flush::FlushSlot;
pub(crate) use input::{Input, Inputs};
pub(crate) use ledger::Ledger;
pub(crate) use registration::{Registration, Run};
pub(crate) use start_up::start_up;
pub(crate) use voice::say_error;
pub(crate) use watchdog::Watchdog;

/// What a component's error may be.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) type BoxFuture<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send>>;

/// What is called with the report.
pub(crate) type ReportCallback = Box<dyn FnOnce(&crate::model::Report) + Send>;

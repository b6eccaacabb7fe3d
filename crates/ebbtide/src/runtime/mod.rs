//! What runs a lifecycle: clock, operating system, watchdog thread, and the loop over the machine.

mod aliases;
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
pub(crate) mod report_file;
mod start_up;
pub(crate) mod voice;
mod watchdog;

pub use aliases::BoxError;
pub(crate) use aliases::{BoxFuture, ReportCallback};
pub(crate) use dispatcher::{Dispatcher, Links, Settings};
pub(crate) use flush::FlushSlot;
pub(crate) use input::{Input, Inputs};
pub(crate) use ledger::Ledger;
pub(crate) use registration::{Registration, Run};
pub(crate) use start_up::start_up;
pub(crate) use voice::say_error;
pub(crate) use watchdog::Watchdog;

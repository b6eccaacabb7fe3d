//! The runtime of a lifecycle: operating system, watchdog thread, and the loop over the machine.

mod board;
mod dispatcher;
mod executor;
mod flush;
mod flush_all;
mod forced_exit;
mod guarded_work;
mod input;
mod ledger;
mod log;
mod messages;
mod observe;
pub(crate) mod os;
pub(crate) mod report_file;
mod temporaries;
mod watchdog;

pub(crate) use board::Board;
pub(crate) use dispatcher::{Dispatcher, Links, ReportCallback, RunMode, Settings};
pub(crate) use executor::{START_UP, START_UP_NAME, start_up};
pub(crate) use flush::FlushSlot;
pub(crate) use flush_all::flush_all;
pub(crate) use input::{Input, Inputs, Registration, Run};
pub(crate) use ledger::LifecycleLedger;
pub use log::log_or_print;
pub(crate) use log::{has_subscriber, log_error, log_warn};
pub(crate) use messages::log_lifecycle_error;
pub(crate) use observe::{Manager, Observers};
pub(crate) use temporaries::Temporaries;
pub(crate) use watchdog::Watchdog;

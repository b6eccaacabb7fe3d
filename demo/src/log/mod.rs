//! What the service says: to people on standard error, and in `demo.log`.

mod census;
mod file;
mod filter;
mod install;

pub(crate) use census::census;
pub(crate) use file::LogFile;
pub(crate) use install::install;

//! Who is told how far a lifecycle is, without a say in it: the service manager, spans, and metrics.

mod manager;
#[cfg(feature = "metrics")]
mod metrics;
mod observers;

pub(crate) use manager::Manager;
pub(crate) use observers::Observers;

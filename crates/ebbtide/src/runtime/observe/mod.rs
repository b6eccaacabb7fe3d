//! The observers of a lifecycle, which have no effect on it: the service manager, spans, and metrics.

mod manager;
#[cfg(feature = "metrics")]
mod metrics;
mod observers;

pub(crate) use manager::Manager;
pub(crate) use observers::Observers;

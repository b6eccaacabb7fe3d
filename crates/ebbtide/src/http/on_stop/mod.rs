//! What becomes of a response that is under way when the server stops.

mod future;
mod policy;
mod service;

pub use future::OnStopFuture;
pub use policy::OnStop;
pub use service::OnStopService;

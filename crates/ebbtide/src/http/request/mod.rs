//! A request, from its head to the last byte of its response.

mod ending;
mod reply;
mod service;
mod ticket;

pub use reply::{Part, Reply};
pub use service::Peer;
pub(super) use service::Requests;

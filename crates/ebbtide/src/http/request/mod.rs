//! One request: from its head to the last byte of its response.

mod future;
mod peer;
mod reply;
mod service;
mod ticket;

pub use peer::Peer;
pub use reply::Reply;
pub(super) use service::Requests;

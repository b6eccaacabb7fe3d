//! One request: from its head to the last byte of its response.

mod ending;
mod events;
mod future;
mod part;
mod peer;
mod refusal;
mod reply;
mod service;
mod ticket;
mod tunnel;

pub use part::Part;
pub use peer::Peer;
pub use reply::Reply;
pub(super) use service::Requests;
pub(super) use tunnel::Tunnel;

//! The listeners of a server: how they are bound, how connections are accepted, and how they are closed without loss.

mod accept;
mod bind;
mod close;
#[expect(clippy::module_inception, reason = "the type has the folder's name")]
mod listener;
mod listeners;

pub(super) use accept::{Accepted, Acceptor};
pub(super) use close::close_all;
pub use listener::Listener;
pub(super) use listener::Via;
pub use listeners::{IntoListeners, Listeners};

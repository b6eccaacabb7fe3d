//! Sockets that listen, before and while they are served.

mod file;
#[expect(clippy::module_inception, reason = "the type has the folder's name")]
mod listener;
mod listeners;
mod listening;
mod tcp;
mod unix;
mod via;

pub(super) use file::SocketFile;
pub use listener::Listener;
pub use listeners::Listeners;
pub(super) use listening::Listening;
pub(super) use via::Via;

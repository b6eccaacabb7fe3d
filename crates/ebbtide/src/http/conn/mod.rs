//! One connection: what is known of it, its bytes, and when it may be closed.

mod book;
mod first;
mod held;
mod io;
mod message;
mod socket;
mod stream;
mod watch;

pub(super) use book::{Begun, Book, Ended, Reason};
pub(super) use first::{Protocol, first_bytes};
pub(super) use held::{Conn, Held};
pub(super) use io::Io;
pub(super) use socket::Socket;
pub(super) use stream::Stream;
pub(super) use watch::Watch;

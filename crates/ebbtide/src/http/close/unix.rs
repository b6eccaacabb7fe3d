//! A Unix listener.
//!
//! 1. Its file is removed, so that a successor may bind the path from here on. While we still answered there, a
//!    successor that looks before it replaces a file was held off.
//! 2. Its receiving side is shut down. From that instant on the kernel refuses new connections, under the lock under
//!    which it would queue them, and gives out those in the queue as before: there is no race to be lost. The same goes
//!    for abstract names, which have no file. A client that was waiting for room in the queue looks the path up again.
//! 3. Connections are accepted until the queue is empty. Then closing the listener destroys nothing.

use std::time::{Duration, Instant};

use crate::drain::Stop;
use crate::http::accept::{Accepted, Acceptor};
use crate::runtime::clock;
use crate::runtime::os::socket;

/// How long to accept where the kernel does not refuse new connections, so that the queue may never be empty.
const BACKLOG_PATIENCE: Duration = Duration::from_secs(1);

/// Empties the listener and closes it; every connection goes to `serve`. `stop` is to it what it is to a TCP listener.
///
/// # Cancel safety
///
/// Cancelled, it closes the listener with what is in its queue.
pub(super) async fn close(mut acceptor: Acceptor, stop: &Stop, serve: impl Fn(Accepted)) {
    acceptor.remove_file();
    let limit = refuse(&acceptor);
    while limit.is_none_or(|limit| clock::now() < limit)
        && let Some(accepted) = acceptor.accept_queued(stop).await
    {
        serve(accepted);
        // The queue may be long: let the connections begin.
        tokio::task::yield_now().await;
    }
}

/// Makes the kernel refuse new connections; where it does not, returns until when to accept.
fn refuse(acceptor: &Acceptor) -> Option<Instant> {
    let error = match socket::refuse_connections(acceptor.listening()) {
        Ok(()) if cfg!(target_os = "linux") => return None,
        Ok(()) => None,
        Err(error) => Some(error),
    };
    tracing::debug!(?error, "new connections are not known to be refused while the listener is emptied");
    Some(clock::after(clock::now(), BACKLOG_PATIENCE))
}

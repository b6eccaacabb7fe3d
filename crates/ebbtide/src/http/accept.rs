use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use crate::runtime::clock;
use crate::runtime::os::socket;

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Accepts connections, and waits where the system cannot give one: no error ends it, none makes it spin.
#[derive(Debug)]
pub(super) struct Acceptor {
    listener: TcpListener,
    pause: Duration,
    latest: Option<Instant>,
}

impl Acceptor {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, pause: FIRST_PAUSE, latest: None }
    }

    /// Waits for the next connection.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost; a pause after an error is cut short.
    pub(super) async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return self.prepared(accepted),
                Err(error) => self.failed(&error).await,
            }
        }
    }

    /// Takes a connection that waits in the queue already, whether or not the reactor knows of it yet.
    ///
    /// # Cancel safety
    ///
    /// As for [`accept`](Self::accept).
    pub(super) async fn accept_queued(&mut self) -> Option<(TcpStream, SocketAddr)> {
        loop {
            let accepted = socket::accept_now(&self.listener);
            match accepted.and_then(|accepted| match accepted {
                Some((stream, from)) => Ok(Some((TcpStream::from_std(stream)?, from))),
                None => Ok(None),
            }) {
                Ok(accepted) => return accepted.map(|accepted| self.prepared(accepted)),
                Err(error) => self.failed(&error).await,
            }
        }
    }

    pub(super) fn listener(&self) -> &TcpListener {
        &self.listener
    }

    /// Tells whether connections come, so that one may be coming at this moment.
    pub(super) fn is_busy(&self) -> bool {
        const LATELY: Duration = Duration::from_millis(100);
        let lately = |latest| clock::now().saturating_duration_since(latest) < LATELY;
        self.latest.is_some_and(lately)
    }

    fn prepared(&mut self, (stream, from): (TcpStream, SocketAddr)) -> (TcpStream, SocketAddr) {
        self.pause = FIRST_PAUSE;
        self.latest = Some(clock::now());
        // Fails on a connection that is gone already: its task will find out.
        let _ = stream.set_nodelay(true);
        (stream, from)
    }

    async fn failed(&mut self, error: &io::Error) {
        if is_of_the_connection(error) {
            return;
        }
        tracing::warn!(%error, pause = ?self.pause, "cannot accept a connection; trying again after a pause");
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

/// Tells whether the error is that of one connection, gone before it was accepted; the next may be well.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

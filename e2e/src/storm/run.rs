use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::Tally;
use super::fresh::fresh;
use super::kept::kept;

/// Which clients there are.
#[derive(Clone, Debug)]
pub struct Clients {
    /// The server.
    pub to: SocketAddr,
    /// How many open a connection for each request, as fast as they can.
    pub fresh: usize,
    /// As many more, but each from one of these ports, one after the other: for a firewall to know them.
    pub late: usize,
    /// The ports of those.
    pub ports: Range<u16>,
    /// How many keep their connection.
    pub kept: usize,
    /// How long these think between two requests: from zero to this.
    pub thinking: Duration,
}

/// Clients at work.
#[derive(Debug)]
pub struct Storm {
    clients: JoinSet<io::Result<Tally>>,
    gone: watch::Sender<bool>,
    first: mpsc::Receiver<()>,
    count: usize,
}

/// Tells a client that the server is gone.
#[derive(Clone, Debug)]
pub(super) struct Gone(watch::Receiver<bool>);

impl Gone {
    /// Waits until the server is gone.
    pub(super) async fn wait(&mut self) {
        // An error is the storm itself being gone.
        let _ = self.0.wait_for(|gone| *gone).await;
    }

    pub(super) fn is_so(&self) -> bool {
        *self.0.borrow()
    }
}

impl Clients {
    /// Clients that open a connection for each request.
    pub fn fresh(to: SocketAddr, count: usize) -> Self {
        Self { to, fresh: count, late: 0, ports: 0..0, kept: 0, thinking: Duration::ZERO }
    }

    /// Clients that keep their connection, and think for up to 20 ms.
    pub fn kept(to: SocketAddr, count: usize) -> Self {
        Self { kept: count, thinking: Duration::from_millis(20), ..Self::fresh(to, 0) }
    }
}

impl Storm {
    /// Lets them go.
    pub fn begin(clients: Clients) -> Self {
        let Clients { to, fresh: freshly, late, ports, kept: keeping, thinking } = clients;
        let count = freshly + late + keeping;
        let (gone, listening) = watch::channel(false);
        let (answered, first) = mpsc::channel(count.max(1));
        let mut tasks = JoinSet::new();
        let gone_for = || (Gone(listening.clone()), answered.clone());
        for _ in 0..freshly {
            tasks.spawn(fresh(to, None, gone_for()));
        }
        let each = ports.len() / late.max(1);
        for number in 0..late {
            let own = ports.clone().skip(number * each).take(each).collect();
            tasks.spawn(fresh(to, Some(own), gone_for()));
        }
        for number in 0..keeping {
            tasks.spawn(kept(to, thinking, number as u64, gone_for()));
        }
        Self { clients: tasks, gone, first, count }
    }

    /// Waits until each client has been answered once.
    ///
    /// # Errors
    ///
    /// When one of them has ended before.
    pub async fn is_up(&mut self) -> io::Result<()> {
        for answered in 0..self.count {
            if self.first.recv().await.is_none() {
                return Err(io::Error::other(format!(
                    "only {answered} of {} clients were answered",
                    self.count
                )));
            }
        }
        Ok(())
    }

    /// Tells the clients that the server is gone, and waits for them.
    ///
    /// # Errors
    ///
    /// When something was short on the clients' side, so that the count would not be exact.
    pub async fn gone(mut self) -> io::Result<Tally> {
        let _ = self.gone.send(true);
        let mut sum = Tally::default();
        while let Some(tally) = self.clients.join_next().await {
            sum += &tally??;
        }
        Ok(sum)
    }
}

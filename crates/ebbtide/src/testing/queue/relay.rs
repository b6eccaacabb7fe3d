use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// A TCP relay between consumers and a broker that a test can disconnect and reconnect.
///
/// While disconnected, it refuses connections and has closed the existing ones. Dropping it disconnects permanently.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    broker: String,
    /// Empty while disconnected.
    way: Mutex<JoinSet<()>>,
}

impl Relay {
    /// Opens a relay to the broker at `host:port`, on a free loopback port. It runs on the calling runtime.
    ///
    /// # Errors
    ///
    /// When no port can be bound.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// let relay = ebbtide::testing::queue::Relay::open("127.0.0.1:6379").await?;
    /// let url = format!("redis://{}", relay.address());
    /// relay.disconnect().await;
    /// relay.reconnect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open(broker: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, broker) = (listener.local_addr()?, broker.to_owned());
        let way = Mutex::new(passing(listener, broker.clone()));
        Ok(Self { address, broker, way })
    }

    /// Returns the address of the relay, to use instead of the address of the broker.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes all connections, and refuses new ones until [`reconnect`](Self::reconnect).
    pub async fn disconnect(&self) {
        self.way.lock().await.shutdown().await;
    }

    /// Accepts connections again, at the same address.
    ///
    /// # Errors
    ///
    /// When another process has bound the port meanwhile.
    pub async fn reconnect(&self) -> io::Result<()> {
        let mut way = self.way.lock().await;
        if way.is_empty() {
            *way = passing(TcpListener::bind(self.address).await?, self.broker.clone());
        }
        Ok(())
    }
}

/// Accepts connections until it is aborted; its connections are aborted with it.
fn passing(listener: TcpListener, broker: String) -> JoinSet<()> {
    let mut way = JoinSet::new();
    way.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            // A connection that cannot be accepted is skipped: the next one may succeed.
            if let Ok((client, _)) = listener.accept().await {
                connections.spawn(pass(client, broker.clone()));
            }
            while connections.try_join_next().is_some() {}
        }
    });
    way
}

async fn pass(mut client: TcpStream, broker: String) {
    if let Ok(mut broker) = TcpStream::connect(broker).await {
        let _ = (client.set_nodelay(true), broker.set_nodelay(true));
        // Both sides see the end of the connection, however it ends.
        let _ = copy_bidirectional(&mut client, &mut broker).await;
    }
}

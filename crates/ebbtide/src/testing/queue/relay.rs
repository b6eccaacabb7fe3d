use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// A way to a broker over TCP that can be cut and mended: what a test puts between its consumers and the broker.
///
/// While it is cut, connections are refused, and those that there were have ended. Dropping it cuts it for good.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    broker: String,
    /// Empty while it is cut.
    way: Mutex<JoinSet<()>>,
}

impl Relay {
    /// Opens a way to the broker at `host:port`, on a free port of the loopback. It works on the runtime that calls it.
    ///
    /// # Errors
    ///
    /// When there is no free port.
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

    /// Returns the address to connect to in place of the broker's.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections, and refuses new ones from here on.
    pub async fn disconnect(&self) {
        self.way.lock().await.shutdown().await;
    }

    /// Lets connections through again, at the same address.
    ///
    /// # Errors
    ///
    /// When somebody has taken the port meanwhile.
    pub async fn reconnect(&self) -> io::Result<()> {
        let mut way = self.way.lock().await;
        if way.is_empty() {
            *way = passing(TcpListener::bind(self.address).await?, self.broker.clone());
        }
        Ok(())
    }
}

/// Takes connections until it is aborted, and everything that came over it with it.
fn passing(listener: TcpListener, broker: String) -> JoinSet<()> {
    let mut way = JoinSet::new();
    way.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            // A connection that cannot be taken is not our concern: the next one may be.
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
        // However it ends, both sides see it end.
        let _ = copy_bidirectional(&mut client, &mut broker).await;
    }
}

//! Connections to the server, and timeouts for its responses.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::time::timeout;

use super::RabbitQueueError;
use super::barrier::{Ack, Barrier};
use super::topology::Topology;

/// The protocol's limit; lapin panics beyond it.
const LONGEST_HOST: usize = 255;

/// A healthy server responds in milliseconds. After this time the caller retries.
const PATIENCE: Duration = Duration::from_secs(5);

/// The server's address, and how to connect to it.
#[derive(Clone)]
pub(super) struct Link {
    uri: AMQPUri,
    /// The connection name that the server's tools show.
    name: String,
}

impl Link {
    pub(super) fn new(url: &str, name: String) -> Result<Self, RabbitQueueError> {
        let uri: AMQPUri = url.parse().map_err(|why| RabbitQueueError::Url { why })?;
        if uri.vhost.len() > LONGEST_HOST {
            let why = format!("the virtual host is longer than {LONGEST_HOST} bytes");
            return Err(RabbitQueueError::Url { why });
        }
        Ok(Self { uri, name })
    }

    /// Connects. Automatic recovery is off: a delivery belongs to the connection it came by, and is lost with it.
    pub(super) async fn connect(&self, what: &str) -> Result<Connection, RabbitQueueError> {
        let properties =
            ConnectionProperties::default().with_connection_name(format!("{} ({what})", self.name).into());
        let connecting = Connection::connect_uri(self.uri.clone(), properties);
        let action = || format!("connect to RabbitMQ at {}", self.address());
        answer(action, connecting).await.map_err(|error| match error {
            RabbitQueueError::CommandFailed { source, .. } => {
                RabbitQueueError::Connect { address: self.address(), source }
            }
            other => other,
        })
    }

    /// Returns the address without the password.
    fn address(&self) -> String {
        let authority = &self.uri.authority;
        format!("{}:{}, virtual host {:?}", authority.host, authority.port, self.uri.vhost)
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("address", &self.address()).field("name", &self.name).finish()
    }
}

/// The connection of the deliveries, and its one channel. A delivery can be settled only on the channel it came by.
///
/// Publishes use another connection: a server that runs out of memory stops reading from publishing connections, and
/// the acknowledgements free its memory.
pub(super) struct Session {
    connection: Connection,
    channel: Channel,
    barrier: Barrier,
    /// The number of delivered jobs without a settlement.
    in_hand: AtomicUsize,
}

impl Session {
    pub(super) async fn open(link: &Link, topology: &Topology) -> Result<Self, RabbitQueueError> {
        let connection = link.connect("consumer").await?;
        let channel = answer(|| "open a channel".to_owned(), connection.create_channel()).await?;
        topology.declare(&channel).await?;
        Ok(Self { connection, channel, barrier: Barrier::new(), in_hand: AtomicUsize::new(0) })
    }

    pub(super) const fn channel(&self) -> &Channel {
        &self.channel
    }

    pub(super) fn in_hand(&self) -> usize {
        self.in_hand.load(Ordering::Relaxed)
    }

    pub(super) fn note_delivered(&self) {
        self.in_hand.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a job was settled, which makes room for another one.
    pub(super) fn note_settled(&self) {
        self.in_hand.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn is_alive(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Acknowledges a delivery, if one is given, and returns when the server has processed all earlier commands of
    /// the channel.
    pub(super) async fn settle(&self, ack: Option<Ack>) -> Result<(), RabbitQueueError> {
        self.barrier.pass(&self.channel, ack).await
    }

    /// Notes that the settlement of a delivery is queued.
    pub(super) fn note_settlement_queued(&self, tag: u64) {
        self.barrier.note_settlement_queued(tag);
    }

    /// Closes the channel first: the response confirms that the unsettled jobs of the channel are back in their
    /// queue.
    pub(super) async fn close(&self) -> Result<(), RabbitQueueError> {
        if !self.is_alive() {
            return Ok(());
        }
        let closing = self.channel.close(200, "the consumer has stopped".into());
        answer(|| "close the channel".to_owned(), closing).await?;
        let closing = self.connection.close(200, "the consumer has stopped".into());
        answer(|| "close the connection".to_owned(), closing).await
    }
}

/// Waits for the response to a command, up to a timeout.
pub(super) async fn answer<T>(
    action: impl FnOnce() -> String,
    command: impl Future<Output = lapin::Result<T>>,
) -> Result<T, RabbitQueueError> {
    match timeout(PATIENCE, command).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(RabbitQueueError::CommandFailed { action: action(), source }),
        Err(_) => Err(RabbitQueueError::Timeout { action: action() }),
    }
}

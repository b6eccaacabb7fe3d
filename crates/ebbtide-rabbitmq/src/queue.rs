use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;
use uuid::Uuid;

use super::RabbitQueueError;
use super::builder::RabbitBuilder;
use super::link::Link;
use super::message::Message;
use super::publisher::{Publisher, Target};
use super::subscription::Subscription;
use super::topology::Topology;

/// A queue of jobs in RabbitMQ. Cheap to clone; clones share connections.
///
/// A clone is for those who push. A consumer has one to itself: what was sent ahead is ended for all clones at once.
///
/// See the [module](super) for what it guarantees.
#[derive(Clone)]
pub struct RabbitQueue {
    pub(super) shared: Arc<Shared>,
}

/// What clones have in common.
pub(super) struct Shared {
    pub(super) link: Link,
    pub(super) topology: Topology,
    pub(super) publisher: Publisher,
    /// Made by the first fetch, and anew by the next one when it has broken.
    pub(super) subscription: Mutex<Option<Subscription>>,
}

impl RabbitQueue {
    /// Begins to describe a queue; [`open`](RabbitBuilder::open) ends it.
    pub fn builder(name: impl Into<String>) -> RabbitBuilder {
        RabbitBuilder::new(name.into())
    }

    pub(super) async fn open(link: Link, topology: Topology) -> Result<Self, RabbitQueueError> {
        let publisher = Publisher::new(link.clone(), topology.clone());
        publisher.open().await?;
        Ok(Self { shared: Arc::new(Shared { link, topology, publisher, subscription: Mutex::new(None) }) })
    }

    /// Returns the queue's name.
    pub fn name(&self) -> &str {
        self.shared.topology.queue()
    }

    /// Returns the name of the queue that jobs are in that failed for good, and those that the broker gave up.
    ///
    /// A job there has the headers `ebbtide-error`, why its last attempt failed, and `ebbtide-attempts`, how many did.
    pub fn dead_name(&self) -> String {
        self.shared.topology.dead()
    }

    /// Pushes a job and returns its id, when the server has stored it.
    ///
    /// Up to 32 are under way at the same time.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, does not take it or does not answer within five seconds. Except in the last case, and
    /// when the connection broke in between, it was not stored.
    ///
    /// # Cancel safety
    ///
    /// Whether it was pushed is unknown then.
    pub async fn push(&self, payload: impl AsRef<[u8]>) -> Result<String, RabbitQueueError> {
        let id = Uuid::now_v7().to_string();
        self.shared.publisher.publish(Target::Queue, Message::fresh(&id), payload.as_ref()).await?;
        Ok(id)
    }
}

impl fmt::Debug for RabbitQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { link, topology, .. } = &*self.shared;
        f.debug_struct("RabbitQueue").field("link", link).field("topology", topology).finish()
    }
}

use std::fmt;

use ebbtide::BoxError;
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::Mutex;

/// Looks at the queues of a `RabbitMQ` from outside, over a connection of its own that is made when it is needed.
pub(super) struct Onlooker {
    url: String,
    connection: Mutex<Option<Connection>>,
}

impl Onlooker {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), connection: Mutex::default() }
    }

    /// Counts the messages in a queue that no consumer has.
    pub(super) async fn ready(&self, queue: &str) -> Result<u64, BoxError> {
        let channel = self.channel().await?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let found = channel.queue_declare(ShortString::from(queue), options, FieldTable::default()).await?;
        channel.close(200, "seen".into()).await?;
        Ok(found.message_count().into())
    }

    /// Removes queues and what is in them. One that is not there is removed already.
    pub(super) async fn remove(&self, queues: [&str; 2]) -> Result<(), BoxError> {
        let channel = self.channel().await?;
        for queue in queues {
            channel.queue_delete(ShortString::from(queue), QueueDeleteOptions::default()).await?;
        }
        self.close().await
    }

    pub(super) async fn close(&self) -> Result<(), BoxError> {
        let connection = self.connection.lock().await.take();
        if let Some(connection) = connection.filter(|connection| connection.status().connected()) {
            connection.close(200, "done".into()).await?;
        }
        Ok(())
    }

    /// Opens a channel: one that asks for a queue that is not there is closed by the server.
    async fn channel(&self) -> Result<Channel, BoxError> {
        let mut place = self.connection.lock().await;
        if let Some(connection) = place.as_ref().filter(|connection| connection.status().connected()) {
            return Ok(connection.create_channel().await?);
        }
        let connection = Connection::connect(&self.url, ConnectionProperties::default()).await?;
        Ok(place.insert(connection).create_channel().await?)
    }
}

impl fmt::Debug for Onlooker {
    /// Without the URL, in which there is a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Onlooker").finish_non_exhaustive()
    }
}

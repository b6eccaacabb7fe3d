//! Queues of a message broker: RabbitMQ, and SQS.

#[cfg(feature = "rabbitmq")]
pub(super) mod rabbitmq {
    use std::fmt;

    use ebbtide::BoxError;
    use ebbtide_rabbitmq::RabbitQueue;
    use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
    use lapin::types::{FieldTable, ShortString};
    use lapin::{Channel, Connection, ConnectionProperties};
    use tokio::sync::Mutex;

    use crate::queue::any::Broker;
    use crate::queue::{AnyQueue, Left, QueuePlace};

    /// The queue, and a separate connection to count and to remove, which the adapter does not offer.
    #[derive(Debug)]
    struct Rabbitmq {
        queue: RabbitQueue,
        admin: QueueAdmin,
    }

    /// Opens the queue, and creates it if it is missing.
    pub(crate) async fn open(place: &QueuePlace) -> Result<AnyQueue, BoxError> {
        let queue = RabbitQueue::builder(&place.name).url(&place.url).open().await?;
        Ok(AnyQueue::new(Rabbitmq { queue, admin: QueueAdmin::new(&place.url) }))
    }

    /// Removes the queue and that of the jobs that failed for good. The server removes those of the retries once they are idle.
    pub(crate) async fn remove(place: &QueuePlace) -> Result<(), BoxError> {
        QueueAdmin::new(&place.url).remove([&place.name, &format!("{}.dead", place.name)]).await
    }

    impl Broker for Rabbitmq {
        type Adapter = RabbitQueue;

        fn adapter(&self) -> &RabbitQueue {
            &self.queue
        }

        async fn push(&self, payload: &[u8]) -> Result<String, BoxError> {
            Ok(self.queue.push(payload).await?)
        }

        async fn left(&self) -> Result<Left, BoxError> {
            let waiting = self.admin.ready(self.queue.name()).await?;
            let dead_lettered = self.admin.ready(&self.queue.dead_letter_queue()).await?;
            Ok(Left { waiting, leased: None, dead_lettered })
        }

        async fn disconnect(&self) -> Result<(), BoxError> {
            let closed = ebbtide::queue::Queue::close(&self.queue).await;
            self.admin.close().await?;
            closed
        }
    }

    /// Inspects the queues of a `RabbitMQ` server over a separate connection, which is opened on first use.
    struct QueueAdmin {
        url: String,
        connection: Mutex<Option<Connection>>,
    }

    impl QueueAdmin {
        fn new(url: &str) -> Self {
            Self { url: url.to_owned(), connection: Mutex::default() }
        }

        /// Counts the messages in a queue that no consumer has.
        async fn ready(&self, queue: &str) -> Result<u64, BoxError> {
            let channel = self.channel().await?;
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let found =
                channel.queue_declare(ShortString::from(queue), options, FieldTable::default()).await?;
            channel.close(200, "seen".into()).await?;
            Ok(found.message_count().into())
        }

        /// Removes queues and their messages. A missing queue is not an error.
        async fn remove(&self, queues: [&str; 2]) -> Result<(), BoxError> {
            let channel = self.channel().await?;
            for queue in queues {
                channel.queue_delete(ShortString::from(queue), QueueDeleteOptions::default()).await?;
            }
            self.close().await
        }

        async fn close(&self) -> Result<(), BoxError> {
            let connection = self.connection.lock().await.take();
            if let Some(connection) = connection.filter(|connection| connection.status().connected()) {
                connection.close(200, "done".into()).await?;
            }
            Ok(())
        }

        /// Opens a new channel for each request: the server closes a channel that asks for a missing queue.
        async fn channel(&self) -> Result<Channel, BoxError> {
            let mut place = self.connection.lock().await;
            if let Some(connection) = place.as_ref().filter(|connection| connection.status().connected()) {
                return Ok(connection.create_channel().await?);
            }
            let connection = Connection::connect(&self.url, ConnectionProperties::default()).await?;
            Ok(place.insert(connection).create_channel().await?)
        }
    }

    impl fmt::Debug for QueueAdmin {
        /// Omits the URL, which may hold a password.
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("QueueAdmin").finish_non_exhaustive()
        }
    }
}
#[cfg(not(feature = "rabbitmq"))]
pub(super) use super::place::unsupported as rabbitmq;

#[cfg(feature = "sqs")]
pub(super) mod sqs {
    use std::time::Duration;

    use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
    use aws_sdk_sqs::{Client, Config};
    use ebbtide::BoxError;
    use ebbtide_sqs::SqsQueue;

    use crate::queue::any::Broker;
    use crate::queue::{AnyQueue, Left, QueuePlace};

    /// Opens the queue, and creates it if it is missing.
    pub(crate) async fn open(place: &QueuePlace) -> Result<AnyQueue, BoxError> {
        let builder = SqsQueue::builder(client(&place.url), &place.name).lease(place.lease);
        Ok(AnyQueue::new(builder.poll(Duration::from_secs(1)).open().await?))
    }

    /// Removes the queue and that of the jobs that failed for good.
    pub(crate) async fn remove(place: &QueuePlace) -> Result<(), BoxError> {
        let client = client(&place.url);
        for name in [place.name.clone(), format!("{}-dead", place.name)] {
            let found = client.get_queue_url().queue_name(name).send().await?;
            client.delete_queue().set_queue_url(found.queue_url).send().await?;
        }
        Ok(())
    }

    /// Returns a client of an emulator, which accepts any credentials.
    fn client(endpoint: &str) -> Client {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("any", "any", None, None, "an emulator's"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(endpoint);
        Client::from_conf(config.build())
    }

    impl Broker for SqsQueue {
        type Adapter = Self;

        fn adapter(&self) -> &Self {
            self
        }

        async fn push(&self, payload: &[u8]) -> Result<String, BoxError> {
            Ok(Self::push(self, payload).await?)
        }

        async fn left(&self) -> Result<Left, BoxError> {
            Ok(self.counts().await?.into())
        }

        /// Its client has no connection to close.
        async fn disconnect(&self) -> Result<(), BoxError> {
            Ok(())
        }
    }
}
#[cfg(not(feature = "sqs"))]
pub(super) use super::place::unsupported as sqs;

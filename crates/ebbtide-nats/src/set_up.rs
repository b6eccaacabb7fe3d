use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{AckPolicy, Config as AnyConfig, PullConsumer, pull};
use async_nats::jetstream::context::{ConsumerInfoErrorKind, CreateStreamErrorKind};
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType, Stream};

use super::error::NatsQueueError;
use super::link::Link;

/// The parts of a queue.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The name of the stream, its subject, and its durable consumer.
    pub(super) name: String,
    /// The name of the dead-letter stream, and its subject.
    pub(super) dead: String,
    pub(super) lease: Duration,
    pub(super) replicas: usize,
}

impl Plan {
    /// Creates the streams and the consumer if they do not exist, and returns the consumer. Several processes may
    /// call it at the same time.
    ///
    /// # Errors
    ///
    /// Returns an error if the server does not respond or rejects a request, or if an existing stream or consumer
    /// could lose jobs.
    pub(super) async fn set_up(&self, link: &Link) -> Result<PullConsumer, NatsQueueError> {
        link.connected()?;
        let stream = self.stream(link, &self.name, RetentionPolicy::WorkQueue).await?;
        self.stream(link, &self.dead, RetentionPolicy::Limits).await?;
        let config = match stream.consumer_info(&self.name).await {
            Ok(info) => {
                self.judge(&info.config)?;
                // Running consumers already rely on its lease.
                let consumer = stream.get_consumer::<pull::Config>(&self.name).await;
                return consumer.map_err(NatsQueueError::when("inspect the consumer"));
            }
            Err(error) if matches!(error.kind(), ConsumerInfoErrorKind::NotFound) => self.consumer(),
            Err(error) => return Err(NatsQueueError::when("inspect the consumer")(error)),
        };
        stream.create_consumer(config).await.map_err(NatsQueueError::when("create the consumer"))
    }

    async fn stream(
        &self,
        link: &Link,
        name: &str,
        retention: RetentionPolicy,
    ) -> Result<Stream, NatsQueueError> {
        let config = Config {
            name: name.to_owned(),
            subjects: vec![name.to_owned()],
            retention,
            storage: StorageType::File,
            num_replicas: self.replicas,
            ..Config::default()
        };
        let mut attempts = 1;
        let stream = loop {
            match link.context.get_or_create_stream(config.clone()).await {
                Err(error) if attempts < ATTEMPTS && has_no_folder(&error.kind()) => attempts += 1,
                made => break made.map_err(NatsQueueError::when("create the stream"))?,
            }
        };
        let found = &stream.cached_info().config;
        let why = if found.subjects != [name] {
            "the stream of that name has other subjects"
        } else if found.retention != retention {
            "the stream of that name has another retention policy"
        } else if found.storage != StorageType::File {
            "the stream of that name is stored in memory"
        } else {
            return Ok(stream);
        };
        Err(NatsQueueError::Unsuitable { name: name.to_owned(), why })
    }

    fn consumer(&self) -> pull::Config {
        pull::Config {
            durable_name: Some(self.name.clone()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.lease,
            // The consumer loop counts attempts.
            max_deliver: -1,
            // Jobs that wait for a retry count as pending.
            max_ack_pending: -1,
            max_waiting: MAX_WAITING,
            ..pull::Config::default()
        }
    }

    fn judge(&self, found: &AnyConfig) -> Result<(), NatsQueueError> {
        let why = if found.deliver_subject.is_some() {
            "the consumer of that name is a push consumer"
        } else if found.ack_policy != AckPolicy::Explicit {
            "the consumer of that name does not use explicit acknowledgements"
        } else if found.max_deliver > 0 {
            "the consumer of that name has a limit of deliveries, after which a job is no longer delivered"
        } else if !found.backoff.is_empty() {
            "the consumer of that name has a backoff instead of a lease"
        } else {
            return Ok(());
        };
        Err(NatsQueueError::Unsuitable { name: self.name.clone(), why })
    }
}

/// A server removes the folder of an account's streams with the last stream. If that happens just before the folder
/// of a new stream is created, the server rejects the new stream. The next attempt creates both.
const ATTEMPTS: u32 = 5;

fn has_no_folder(error: &CreateStreamErrorKind) -> bool {
    let CreateStreamErrorKind::JetStream(error) = error else { return false };
    matches!(error.error_code(), ErrorCode::STREAM_CREATE | ErrorCode::STREAM_STORE_FAILED)
}

/// The server's default, 512, is too low: each consumer has a request for each place that has become free recently.
const MAX_WAITING: i64 = 16_384;

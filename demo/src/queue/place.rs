use std::time::Duration;

use ebbtide::BoxError;

use super::broker::BoxFuture;
use super::{AnyQueue, QueueKind, nats, postgres, rabbitmq, redis, sqlite, sqs};

/// Where a queue is.
#[derive(Clone, Debug)]
pub struct QueuePlace {
    /// The broker.
    pub kind: QueueKind,
    /// Its address, or the path of SQLite's file.
    pub url: String,
    /// The queue's name there.
    pub name: String,
    /// How long a consumer that says nothing keeps its jobs, where that has a limit.
    pub lease: Duration,
}

impl QueuePlace {
    /// Opens it, and makes it if it is missing.
    ///
    /// # Errors
    ///
    /// When the broker cannot be reached, or refuses, or this build has no client for it.
    pub fn open(&self) -> BoxFuture<'_, Result<AnyQueue, BoxError>> {
        match self.kind {
            QueueKind::Sqlite => Box::pin(sqlite::open(self)),
            QueueKind::Postgres => Box::pin(postgres::open(self)),
            QueueKind::Redis => Box::pin(redis::open(self)),
            QueueKind::Rabbitmq => Box::pin(rabbitmq::open(self)),
            QueueKind::Nats => Box::pin(nats::open(self)),
            QueueKind::Sqs => Box::pin(sqs::open(self)),
        }
    }

    /// Removes the queue and all that is in it, which nobody may be using. In SQLite it goes with its file.
    ///
    /// # Errors
    ///
    /// When the broker cannot be told, or this build has no client for it.
    pub fn remove(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        match self.kind {
            QueueKind::Sqlite => Box::pin(std::future::ready(Ok(()))),
            QueueKind::Postgres => Box::pin(postgres::remove(self)),
            QueueKind::Redis => Box::pin(redis::remove(self)),
            QueueKind::Rabbitmq => Box::pin(rabbitmq::remove(self)),
            QueueKind::Nats => Box::pin(nats::remove(self)),
            QueueKind::Sqs => Box::pin(sqs::remove(self)),
        }
    }
}

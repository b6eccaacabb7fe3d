use std::env;
use std::time::Duration;

use ebbtide::BoxError;

use super::AnyQueue;
use super::any::BoxFuture;
use super::messages::{rabbitmq, sqs};
use super::streams::{nats, redis};
use super::tables::{postgres, sqlite};

/// The location of a queue.
#[derive(Clone, Debug)]
pub struct QueuePlace {
    /// The broker.
    pub kind: QueueKind,
    /// Its address, or the path of SQLite's file.
    pub url: String,
    /// The queue's name on the broker.
    pub name: String,
    /// The lease: how long a consumer keeps a job without an extension, on brokers that have one.
    pub lease: Duration,
}

impl QueuePlace {
    /// Opens the queue, and creates it if it is missing.
    ///
    /// # Errors
    ///
    /// Fails when the broker cannot be reached, when it refuses, or when this build has no client for it.
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

    /// Removes the queue and its jobs. No process may be using it. In SQLite it is removed with its file.
    ///
    /// # Errors
    ///
    /// Fails when the broker cannot be reached, or when this build has no client for it.
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

/// A broker for the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum QueueKind {
    /// A table in the file jobs.db: needs no server
    Sqlite,
    /// A table in PostgreSQL: requires a build with the feature `postgres`
    Postgres,
    /// A stream in Redis: requires a build with the feature `redis`
    Redis,
    /// A queue in RabbitMQ: requires a build with the feature `rabbitmq`
    Rabbitmq,
    /// A stream in NATS: requires a build with the feature `nats`
    Nats,
    /// A queue in SQS, or in an emulator of it: requires a build with the feature `sqs`
    #[value(skip)]
    Sqs,
}

impl QueueKind {
    /// The brokers that the command line offers.
    pub const ALL: [Self; 5] = [Self::Sqlite, Self::Postgres, Self::Redis, Self::Rabbitmq, Self::Nats];

    /// The brokers that have an adapter.
    pub const ADAPTERS: [Self; 6] =
        [Self::Sqlite, Self::Postgres, Self::Redis, Self::Rabbitmq, Self::Nats, Self::Sqs];

    /// Returns the name that the command line takes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Rabbitmq => "rabbitmq",
            Self::Nats => "nats",
            Self::Sqs => "sqs",
        }
    }

    /// Returns the feature that the broker requires, if this build does not have it.
    pub const fn missing_feature(self) -> Option<&'static str> {
        let built = match self {
            Self::Sqlite => true,
            Self::Postgres => cfg!(feature = "postgres"),
            Self::Redis => cfg!(feature = "redis"),
            Self::Rabbitmq => cfg!(feature = "rabbitmq"),
            Self::Nats => cfg!(feature = "nats"),
            Self::Sqs => cfg!(feature = "sqs"),
        };
        // The features are named as the brokers.
        if built { None } else { Some(self.name()) }
    }

    /// Returns the environment variable that holds the broker's address; for SQLite, the option that names the folder.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Sqlite => "--data",
            Self::Postgres => "DATABASE_URL",
            Self::Redis => "REDIS_URL",
            Self::Rabbitmq => "AMQP_URL",
            Self::Nats => "NATS_URL",
            Self::Sqs => "AWS_ENDPOINT_URL_SQS",
        }
    }

    /// Returns the broker's address from the environment, or the default port on this machine. Empty for SQLite: its file is
    /// the caller's choice.
    pub fn url(self) -> String {
        let (variables, local): (&[&str], _) = match self {
            Self::Sqlite => return String::new(),
            Self::Postgres => (&["DATABASE_URL"], "postgres://postgres@127.0.0.1:5432/postgres"),
            Self::Redis => (&["REDIS_URL"], "redis://127.0.0.1:6379"),
            Self::Rabbitmq => (&["AMQP_URL", "RABBITMQ_URL"], "amqp://guest:guest@127.0.0.1:5672/%2f"),
            Self::Nats => (&["NATS_URL"], "nats://127.0.0.1:4222"),
            Self::Sqs => (&["AWS_ENDPOINT_URL_SQS"], "http://127.0.0.1:4566"),
        };
        let mut said = variables.iter().filter_map(|variable| env::var(variable).ok());
        said.find(|url| !url.is_empty()).unwrap_or_else(|| local.to_owned())
    }
}

/// Replaces a broker that this build has no client for.
#[cfg(not(all(
    feature = "nats",
    feature = "postgres",
    feature = "rabbitmq",
    feature = "redis",
    feature = "sqs"
)))]
pub(super) mod unsupported {
    use ebbtide::BoxError;

    use super::QueuePlace;
    use crate::MissingFeature;
    use crate::queue::AnyQueue;

    pub(crate) async fn open(place: &QueuePlace) -> Result<AnyQueue, BoxError> {
        Err(missing(place))
    }

    pub(crate) async fn remove(place: &QueuePlace) -> Result<(), BoxError> {
        Err(missing(place))
    }

    fn missing(place: &QueuePlace) -> BoxError {
        let name = place.kind.name();
        MissingFeature::new(format!("--queue {name}"), name).into()
    }
}

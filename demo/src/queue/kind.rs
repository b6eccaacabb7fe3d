use std::env;

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
    /// All that the command line offers.
    pub const ALL: [Self; 5] = [Self::Sqlite, Self::Postgres, Self::Redis, Self::Rabbitmq, Self::Nats];

    /// All that there is an adapter for.
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

    /// Returns the environment variable that says where the broker is; for SQLite the option that does.
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

    /// Returns where the broker is: what the environment says, or this machine. SQLite is a file of the caller's.
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

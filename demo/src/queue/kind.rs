use std::env;

/// A broker for the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum QueueKind {
    /// A table in the file jobs.db: needs no server
    Sqlite,
    /// A table in PostgreSQL
    Postgres,
    /// A stream in Redis
    Redis,
    /// A queue in RabbitMQ
    Rabbitmq,
    /// A stream in NATS
    Nats,
    /// A queue in SQS, or in an emulator of it
    #[cfg(feature = "sqs")]
    #[value(skip)]
    Sqs,
}

impl QueueKind {
    /// All that the command line offers.
    pub const ALL: [Self; 5] = [Self::Sqlite, Self::Postgres, Self::Redis, Self::Rabbitmq, Self::Nats];

    /// All that there is an adapter for.
    #[cfg(feature = "sqs")]
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
            #[cfg(feature = "sqs")]
            Self::Sqs => "sqs",
        }
    }

    /// Returns the environment variable that says where the broker is; for SQLite the option that does.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Sqlite => "--data",
            Self::Postgres => "DATABASE_URL",
            Self::Redis => "REDIS_URL",
            Self::Rabbitmq => "AMQP_URL",
            Self::Nats => "NATS_URL",
            #[cfg(feature = "sqs")]
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
            #[cfg(feature = "sqs")]
            Self::Sqs => (&["AWS_ENDPOINT_URL_SQS"], "http://127.0.0.1:4566"),
        };
        let mut said = variables.iter().filter_map(|variable| env::var(variable).ok());
        said.find(|url| !url.is_empty()).unwrap_or_else(|| local.to_owned())
    }
}

use std::env;

/// A broker for the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum QueueKind {
    /// A table in the file orders.db: needs no server
    Sqlite,
    /// A table in PostgreSQL
    Postgres,
    /// A stream in Redis
    Redis,
}

impl QueueKind {
    /// Returns the name that the command line takes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        }
    }

    /// Returns where the broker is: what the environment says, or this machine. SQLite is a file of the caller's.
    pub fn url(self) -> String {
        let (variable, local) = match self {
            Self::Sqlite => return String::new(),
            Self::Postgres => ("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres"),
            Self::Redis => ("REDIS_URL", "redis://127.0.0.1:6379"),
        };
        env::var(variable).ok().filter(|url| !url.is_empty()).unwrap_or_else(|| local.to_owned())
    }
}

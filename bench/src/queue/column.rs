use clap::ValueEnum;

use super::Side;

/// A kind of queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Column {
    /// A file.
    Sqlite,
    /// A table.
    Postgres,
    /// A stream with a consumer group.
    Redis,
    /// A durable queue.
    #[value(name = "rabbitmq")]
    RabbitMq,
    /// A stream on disk with a pull consumer.
    Nats,
}

impl Column {
    /// In the order in which they are measured.
    pub const ALL: [Self; 5] = [Self::Sqlite, Self::Postgres, Self::Redis, Self::RabbitMq, Self::Nats];

    /// Returns the name that the table has.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
            Self::RabbitMq => "RabbitMQ",
            Self::Nats => "NATS",
        }
    }

    /// Returns who works off this kind of queue.
    pub fn sides(self) -> &'static [Side] {
        match self {
            Self::Sqlite => &[Side::Ebbtide, Side::ByHand, Side::Apalis],
            Self::Postgres | Self::Redis => &[Side::Ebbtide, Side::ByHand],
            Self::RabbitMq | Self::Nats => &[Side::Ebbtide, Side::ByHand, Side::Unconfirmed],
        }
    }
}

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
    /// A queue in an emulator of SQS: measured when it is named, since it says more of the emulator than of SQS.
    Sqs,
}

impl Column {
    /// In the order in which they are measured.
    pub const ALL: [Self; 6] =
        [Self::Sqlite, Self::Postgres, Self::Redis, Self::RabbitMq, Self::Nats, Self::Sqs];

    /// Returns whether it is measured when none is named.
    pub fn is_usual(self) -> bool {
        self != Self::Sqs
    }

    /// Returns the name that the table has.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
            Self::RabbitMq => "RabbitMQ",
            Self::Nats => "NATS",
            Self::Sqs => "SQS, emulated",
        }
    }

    /// Returns who works off this kind of queue.
    pub fn sides(self) -> &'static [Side] {
        match self {
            Self::Sqlite => &[Side::Ebbtide, Side::ByHand, Side::Apalis],
            Self::Postgres | Self::Redis | Self::Sqs => &[Side::Ebbtide, Side::ByHand],
            Self::RabbitMq | Self::Nats => &[Side::Ebbtide, Side::ByHand, Side::Unconfirmed],
        }
    }
}

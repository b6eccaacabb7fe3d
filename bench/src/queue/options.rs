use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Compares the throughput of the consumer loop with that of the same client crates used by hand, and with apalis.
///
/// In each round each side works off a new queue with so many jobs in it, whose handler does nothing; the time is that from the
/// first fetch to the last acknowledgement, and the ratio is the median over the rounds. By hand is as durable as the loop: a
/// job's place is free when the broker has confirmed that the job is done. Where that is a choice, "unconfirmed" shows
/// what the other way gains. Servers are those that the tests use: EBBTIDE_TEST_POSTGRES, EBBTIDE_TEST_REDIS,
/// EBBTIDE_TEST_RABBITMQ, EBBTIDE_TEST_NATS and EBBTIDE_TEST_SQS name others than the local ones.
#[derive(Debug, Parser)]
#[command(name = "queue")]
pub struct Options {
    /// Rounds; all sides take their turn in each.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Jobs in one turn.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub jobs: u32,

    /// Jobs side by side.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub concurrency: u32,

    /// Measure this queue only; may be given again.
    #[arg(long, value_name = "QUEUE")]
    pub only: Vec<Column>,

    /// Three rounds of 2,000 jobs: says whether it works, and little about how fast.
    #[arg(long, conflicts_with_all = ["rounds", "jobs"])]
    pub quick: bool,

    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when the loop is slower than by hand by more than 5 %, or slower than apalis.
    #[arg(long)]
    pub check: bool,
}

#[cfg(feature = "peers")]
impl Options {
    pub(super) fn columns(&self) -> Vec<Column> {
        let is_wanted = |column: &Column| {
            if self.only.is_empty() { column.is_usual() } else { self.only.contains(column) }
        };
        Column::ALL.into_iter().filter(is_wanted).collect()
    }

    pub(super) fn rounds(&self) -> u32 {
        if self.quick { 3 } else { self.rounds }
    }

    pub(super) fn jobs(&self) -> u32 {
        if self.quick { 2000 } else { self.jobs }
    }

    pub(super) fn places(&self) -> usize {
        usize::try_from(self.concurrency).unwrap_or(usize::MAX)
    }
}

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

/// Who works off a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The consumer loop over its adapter.
    Ebbtide,
    /// The adapter's client crate, used as a careful user would: a batch is fetched, so many jobs run side by side in tasks
    /// of their own, and each is acknowledged with an answer awaited.
    ByHand,
    /// The same, for those brokers that take an acknowledgement without an answer: nobody waits for one, so that jobs that
    /// are done may run again after a crash. It is no bar for us, who wait; it shows what that costs.
    Unconfirmed,
    /// The peer, on its own tables.
    Apalis,
}

impl Side {
    /// Returns the name that the table has.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ebbtide => "ebbtide",
            Self::ByHand => "by hand",
            Self::Unconfirmed => "unconfirmed",
            Self::Apalis => "apalis",
        }
    }

    /// Returns the least share of this side's throughput that is good enough for us, if it is one to be measured by.
    #[cfg(any(feature = "peers", test))]
    pub(super) fn bar(self) -> Option<f64> {
        match self {
            Self::Ebbtide | Self::Unconfirmed => None,
            Self::Apalis => Some(1.0),
            Self::ByHand => Some(0.95),
        }
    }
}

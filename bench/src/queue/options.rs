use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Compares the throughput of the consumer loop with plain clients and apalis.
///
/// In each round each side empties a new queue of jobs with an empty handler. The time is from the first fetch to the last
/// acknowledgement; the ratio is the median over the rounds. "by hand" uses the same client crate without the loop and is as
/// durable as the loop: a slot becomes free when the broker has confirmed that the job is done. Where that is a choice,
/// "unconfirmed" shows the gain of not waiting for it. The servers are the local ones, unless EBBTIDE_TEST_POSTGRES,
/// EBBTIDE_TEST_REDIS, EBBTIDE_TEST_RABBITMQ, EBBTIDE_TEST_NATS and EBBTIDE_TEST_SQS name others.
#[derive(Debug, Parser)]
#[command(name = "queue")]
pub struct Options {
    /// Number of rounds; each measures all sides.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Jobs per queue.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub jobs: u32,

    /// Jobs that run concurrently.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub concurrency: u32,

    /// Measure only this queue (can be repeated).
    #[arg(long, value_name = "QUEUE")]
    pub only: Vec<Column>,

    /// Three rounds of 2,000 jobs: a quick functional check, not a measurement.
    #[arg(long, conflicts_with_all = ["rounds", "jobs"])]
    pub quick: bool,

    /// Write the figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when the loop is > 5 % slower than by hand, or slower than apalis.
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
    /// SQLite, in a file.
    Sqlite,
    /// PostgreSQL, in a table.
    Postgres,
    /// Redis, in a stream with a consumer group.
    Redis,
    /// RabbitMQ, in a durable queue.
    #[value(name = "rabbitmq")]
    RabbitMq,
    /// NATS JetStream, in a stream on disk with a pull consumer.
    Nats,
    /// SQS, in an emulator. Measured only with `--only`, since the result depends more on the emulator than on SQS.
    Sqs,
}

impl Column {
    /// All columns, in the order in which they are measured.
    pub const ALL: [Self; 6] =
        [Self::Sqlite, Self::Postgres, Self::Redis, Self::RabbitMq, Self::Nats, Self::Sqs];

    /// Returns whether it is measured without `--only`.
    pub fn is_usual(self) -> bool {
        self != Self::Sqs
    }

    /// Returns its name in the table.
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

    /// Returns the sides that are measured on this kind of queue.
    pub fn sides(self) -> &'static [Side] {
        match self {
            Self::Sqlite => &[Side::Ebbtide, Side::PlainClient, Side::Apalis],
            Self::Postgres | Self::Redis | Self::Sqs => &[Side::Ebbtide, Side::PlainClient],
            Self::RabbitMq | Self::Nats => &[Side::Ebbtide, Side::PlainClient, Side::Unconfirmed],
        }
    }
}

/// A program that empties a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The consumer loop with its adapter.
    Ebbtide,
    /// The adapter's client crate without the loop: fetches a batch, runs the jobs concurrently in separate tasks, and
    /// acknowledges each with confirmation.
    PlainClient,
    /// The same without confirmation, for brokers that allow it: jobs that are done may run again after a crash. Ebbtide
    /// waits for the confirmation, so this side sets no limit; it shows the cost of waiting.
    Unconfirmed,
    /// The peer, with its own tables.
    Apalis,
}

impl Side {
    /// Returns its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ebbtide => "ebbtide",
            Self::PlainClient => "by hand",
            Self::Unconfirmed => "unconfirmed",
            Self::Apalis => "apalis",
        }
    }

    /// Returns the minimum ratio of Ebbtide's throughput to this side's, if `--check` limits it.
    #[cfg(any(feature = "peers", test))]
    pub(super) fn bar(self) -> Option<f64> {
        match self {
            Self::Ebbtide | Self::Unconfirmed => None,
            Self::Apalis => Some(1.0),
            Self::PlainClient => Some(0.95),
        }
    }
}

use std::path::PathBuf;

use clap::Parser;

use super::Column;

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

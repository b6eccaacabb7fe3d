use std::path::PathBuf;

use clap::Parser;

use super::Column;
use crate::service::{ServerArgs, Side};

/// Compares the throughput of `/ping` under Ebbtide with that under its peers, and what one request costs each of them
/// in instructions, as callgrind counts them.
///
/// Each server gets the first core, the load the second. All servers run side by side; they take turns being loaded,
/// and are started anew several times. The ratio is the median over the rounds of one run, in each of which all had
/// their turn. It takes about five minutes.
#[derive(Debug, Parser)]
#[command(name = "throughput")]
pub struct Options {
    /// How often all servers are started anew.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub starts: u32,

    /// Turns of each server per start.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Milliseconds of load in one turn.
    #[arg(long, value_name = "MS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub turn: u64,

    /// Clients of each server.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub clients: u32,

    /// Requests of which the instructions are counted, after as many that are not.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub counted: u32,

    /// Measure this column only; may be given again.
    #[arg(long, value_name = "COLUMN")]
    pub only: Vec<Column>,

    /// Measure this server only; may be given again.
    #[arg(long, value_name = "SERVER")]
    pub server: Vec<Side>,

    /// Count no instructions.
    #[arg(long)]
    pub no_cost: bool,

    /// Count instructions only.
    #[arg(long, conflicts_with = "no_cost")]
    pub cost_only: bool,

    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when Ebbtide's throughput is less than axum's in one of the columns.
    #[arg(long)]
    pub check: bool,

    /// The server that it may have to be.
    #[command(flatten)]
    pub be: ServerArgs,
}

impl Options {
    /// Returns the columns that are wanted.
    pub(super) fn columns(&self) -> impl Iterator<Item = Column> {
        Column::ALL.into_iter().filter(|column| self.only.is_empty() || self.only.contains(column))
    }

    /// Returns the servers that are wanted.
    pub(super) fn sides(&self) -> impl Iterator<Item = Side> {
        Side::ALL.into_iter().filter(|side| self.server.is_empty() || self.server.contains(side))
    }
}

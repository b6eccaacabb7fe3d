use std::path::PathBuf;

use clap::Parser;

use super::Column;
use crate::service::{ServerArgs, Side};

/// Compares what a stop costs under Ebbtide and under its peers, each stopped as its own documentation recommends.
///
/// Lost is a request whose connection was established and which was written, and which got a reset or an end without a
/// byte of a response. Refused is not lost: it is safe to ask elsewhere. SIGTERM comes at a random moment under load. The
/// servers take turns; each is a process of its own. A column ends early for a server whose stops in it have taken a
/// minute, after three at least; the table says so.
///
/// Time is from SIGTERM to the exit: with nothing connected for a quarter of a second, with connections that have sent nothing, and with
/// connections that are kept after one request, each idle for two seconds. Memory is the peak of the resident set
/// (VmHWM) with those connections, just before SIGTERM.
///
/// It takes about fifteen minutes; with --quick about three.
#[derive(Debug, Parser)]
#[command(name = "shutdown")]
pub struct Options {
    /// Stops of each server in each column under load.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub shutdowns: u32,

    /// Stops of each server that is idle; a quarter of them with idle connections.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub exits: u32,

    /// How many idle connections; the system's limit of descriptors has to allow it.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub connections: u32,

    /// Five stops in each column, and eight idle ones.
    #[arg(long, conflicts_with_all = ["shutdowns", "exits"])]
    pub quick: bool,

    /// Measure this column only; may be given again.
    #[arg(long, value_name = "COLUMN")]
    pub only: Vec<Column>,

    /// Measure this server only; may be given again.
    #[arg(long, value_name = "SERVER")]
    pub server: Vec<Side>,

    /// What the moments of the signals are drawn from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when Ebbtide loses a request, or takes more time or memory than the best of its peers.
    #[arg(long)]
    pub check: bool,

    /// The server that it may have to be.
    #[command(flatten)]
    pub be: ServerArgs,
}

impl Options {
    /// Returns how often each server is stopped in a column.
    pub(super) fn rounds(&self, column: Column) -> u32 {
        let (loaded, idle) = if self.quick { (5, 8) } else { (self.shutdowns, self.exits) };
        match column {
            Column::Idle => idle,
            Column::Silent | Column::Kept => (idle / 4).max(1),
            _ => loaded,
        }
    }

    /// Tells whether a column is wanted.
    pub(super) fn wants(&self, column: Column) -> bool {
        self.only.is_empty() || self.only.contains(&column)
    }

    /// Tells whether a server is wanted.
    pub(super) fn wants_side(&self, side: Side) -> bool {
        self.server.is_empty() || self.server.contains(&side)
    }
}

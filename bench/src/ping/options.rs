use std::path::PathBuf;

use clap::Parser;

use crate::service::ServerArgs;

/// Compares the throughput of `/ping` under Ebbtide with that under plain axum.
///
/// Each server gets the first core, the load the second. Both servers run side by side; they take turns being loaded,
/// and are started anew several times.
#[derive(Debug, Parser)]
#[command(name = "ping")]
pub struct Options {
    /// How often both servers are started anew.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub starts: u32,

    /// Turns of each server per start.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Milliseconds of load in one turn.
    #[arg(long, value_name = "MS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub turn: u64,

    /// Keep-alive connections to each server, one request at a time on each.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub connections: u32,

    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when Ebbtide's throughput is less than 0.97 of axum's.
    #[arg(long)]
    pub check: bool,

    /// The server that it may have to be.
    #[command(flatten)]
    pub server: ServerArgs,
}

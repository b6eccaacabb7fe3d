use std::path::PathBuf;

use clap::Parser;

use crate::service::{ServerArgs, Side};

/// Stops a server again and again while every kind of client is at it: new connections, kept ones, slow
/// requests, uploads in pieces, HTTP/2. Prints what became of the requests, and everything that was odd.
///
/// With its defaults it stops it 200 times, answers at least a million requests, and takes five to fifteen minutes.
#[derive(Debug, Parser)]
#[command(name = "soak")]
pub struct Options {
    /// How often the server is started and stopped.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub shutdowns: u32,

    /// How many requests are answered at least, all shutdowns together; each gets its share.
    #[arg(long, default_value_t = 1_000_000)]
    pub requests: u64,

    /// No further stop is begun after so many minutes. The bar is missed then.
    #[arg(long, value_name = "MINUTES", default_value_t = 30)]
    pub limit: u64,

    /// Which server; with axum or axum-server requests are lost, which shows that they would be seen.
    #[arg(long, value_name = "SERVER", default_value = "ebbtide")]
    pub server: Side,

    /// What the moments of the signals, and what the clients do, are drawn from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when a request was lost, cut or answered oddly, an exit was not clean, or there were too few.
    #[arg(long)]
    pub check: bool,

    /// The server that it may have to be.
    #[command(flatten)]
    pub be: ServerArgs,
}

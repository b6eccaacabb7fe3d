use std::path::PathBuf;

use clap::Parser;

use crate::service::ServerArgs;

/// Compares the time from SIGTERM to the exit of an idle service under Ebbtide, without a lame duck, with that under
/// plain axum.
#[derive(Debug, Parser)]
#[command(name = "idle-exit")]
pub struct Options {
    /// Stops of each service; they take turns.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rounds: u32,

    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when Ebbtide's median is 5 ms or more.
    #[arg(long)]
    pub check: bool,

    /// The server that it may have to be.
    #[command(flatten)]
    pub server: ServerArgs,
}

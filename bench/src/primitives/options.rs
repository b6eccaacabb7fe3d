use std::path::PathBuf;

use clap::Parser;

/// Compares the drain primitives with their peers.
#[derive(Debug, Parser)]
#[command(name = "primitives")]
pub struct Options {
    /// Rounds of each measurement; all sides take their turn in each round, and the median counts.
    #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Operations in one measurement.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1000..=100_000_000))]
    pub operations: u32,

    /// Tasks to wake; 0 leaves that part out.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(0..=4_000_000))]
    pub wake: u32,

    /// Rounds of the waking.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub wake_rounds: u32,

    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when a bar is missed.
    #[arg(long)]
    pub check: bool,
}

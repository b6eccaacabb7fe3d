//! Compares throughput and the cost of a request under Ebbtide and under its peers, in one run.
//!
//! Exit codes: 0 when it ran (with `--check`: and every bar is met), 1 when a bar is missed, 2 for wrong usage, 3 when
//! the figures could not be taken or written.

use std::process::ExitCode;

use clap::Parser;
use ebbtide_bench::throughput::{Options, run};

fn main() -> ExitCode {
    run(&Options::parse())
}

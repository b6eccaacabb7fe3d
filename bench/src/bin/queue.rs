//! Compares the consumer loop with the same client crates used by hand and with apalis, in one run.
//!
//! Exit codes: 0 when it ran (with `--check`: and every bar is met), 1 when a bar is missed, 2 for wrong usage, 3 when
//! the figures could not be taken or written.

use std::process::ExitCode;

use clap::Parser;
use ebbtide_bench::queue::{Options, run};

fn main() -> ExitCode {
    run(&Options::parse())
}

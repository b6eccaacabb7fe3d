//! Compares the time from SIGTERM to the exit of an idle service under Ebbtide and under plain axum, in one run.
//!
//! Exit codes: 0 when it ran (with `--check`: and the bar is met), 1 when the bar is missed, 2 for wrong usage, 3 when
//! the figures could not be taken or written.

use std::process::ExitCode;

use clap::Parser;
use ebbtide_bench::idle_exit::{Options, run};

fn main() -> ExitCode {
    run(&Options::parse())
}

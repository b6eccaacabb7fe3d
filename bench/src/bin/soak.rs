//! Stops Ebbtide's server many times under every kind of load, and counts what is lost.
//!
//! Exit codes: 0 when it ran (with `--check`: and nothing was lost), 1 when something was, 2 for wrong usage, 3 when the
//! figures could not be taken or written.

use std::process::ExitCode;

use clap::Parser;
use ebbtide_bench::soak::{Options, run};

fn main() -> ExitCode {
    run(&Options::parse())
}

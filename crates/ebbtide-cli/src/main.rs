//! `ebbtide`: proves that a service stops without loss.

// Times come from the command line. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod cli;
mod commands;
mod demo;
mod exit;
mod output;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().command {
        cli::Command::Rehearse(args) => commands::rehearse::run(*args).into(),
        cli::Command::Janitor => commands::janitor::run().into(),
        cli::Command::Demo(args) => commands::demo::run(args),
    }
}

//! `ebbtide`: proves that a service stops without loss.

mod cli;
mod clock;
mod commands;
mod exit;
mod output;
mod rehearse;
mod words;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().command {
        cli::Command::Rehearse(args) => commands::rehearse::run(*args).into(),
        cli::Command::Janitor => commands::janitor::run().into(),
        cli::Command::Demo(args) => commands::demo::run(args),
    }
}

//! `ebbtide`: proves that a service stops without loss.

// Times come from the command line. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

mod check;
mod cli;
mod completions;
mod demo;
#[cfg(test)]
mod documented;
#[cfg(test)]
mod error_form;
mod exit;
mod explain;
mod language_server;
mod man;
mod output;
mod plan;
mod rehearse;
mod replay;
mod settings;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    let parsed = cli::Cli::command().try_get_matches_from(&words).and_then(|given| {
        let cli =
            cli::Cli::from_arg_matches(&given).map_err(|error| error.format(&mut cli::Cli::command()))?;
        Ok((given, cli.command))
    });
    let (given, command) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return misused(&error, &words).into(),
    };
    match command {
        // The words after the name of the command: `ebbtide` has no options of its own.
        cli::Command::Rehearse(args) => {
            rehearse::run(*args, given.subcommand_matches("rehearse"), words.into_iter().skip(2)).into()
        }
        cli::Command::Replay(args) => replay::run(args).into(),
        cli::Command::Explain(args) => explain::run(&args).into(),
        cli::Command::Completions(args) => completions::run(&args, &cli::Cli::command()).into(),
        cli::Command::Man(args) => man::run(&args, cli::Cli::command()).into(),
        cli::Command::Janitor => {
            ebbtide_rehearse::janitor();
            exit::Ending::Passed.into()
        }
        cli::Command::Check(args) => check::run(args).into(),
        cli::Command::Timeline(args) => check::run_timeline(args).into(),
        cli::Command::LanguageServer(args) => language_server::run(&args).into(),
        cli::Command::Plan(args) => plan::run(&args).into(),
        // Its exit codes are those of a lifecycle.
        cli::Command::Demo(args) => ebbtide_demo::run(args),
    }
}

/// Prints why `words` are no command line. Help and version are no errors.
fn misused(error: &clap::Error, words: &[OsString]) -> exit::Ending {
    if !error.use_stderr() {
        // A closed stdout ends the output.
        let _gone = error.print();
        return exit::Ending::Passed;
    }
    output::say(&usage::explained(error, words));
    exit::Ending::Usage
}

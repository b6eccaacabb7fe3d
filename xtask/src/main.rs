//! The project's own chores, each one command that a fresh clone can run: see `cargo xtask help`.
//!
//! Exit codes: 0 when everything asked for was done and passed, 1 when it was not, 2 for wrong usage.

mod bench;
mod check;
mod command;
mod failure;
mod fuzz;
mod generate;
mod interruption;
mod shell;
mod test;
mod tokens;
mod tree;

use std::env;
use std::process::ExitCode;

use command::{Command, USAGE};
use failure::Failure;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let outcome = match Command::parse(&arguments) {
        Ok(command) => run(command),
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            shell::say(&format!("error: {failure}"));
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    shell::go_to_the_root()?;
    match command {
        Command::Help => {
            shell::say(USAGE);
            Ok(())
        }
        Command::Test => test::run(),
        Command::Check => check::run(),
        // The tests run although a check failed: whoever reads the outcome wants to know all of it.
        Command::Ci => Failure::all([check::run(), test::run()]),
        Command::Generate => generate::write(),
        Command::Fuzz(seconds) => fuzz::run(seconds),
        Command::Bench(which, options) => bench::run(which, &options),
    }
}

//! The project's development commands. A fresh clone can run each of them: see `cargo xtask help`.
//!
//! Exit codes: 0 when the command succeeded, 1 when it failed, 2 for wrong usage.
#![cfg_attr(not(test), warn(unused_crate_dependencies))]

mod bench;
mod check;
mod command;
mod failure;
mod fuzz;
mod interruption;
mod page;
mod picture;
mod python;
mod release;
mod shell;
mod shells;
mod steps;
mod test;
mod zoo;

use std::env;
use std::process::ExitCode;

use command::{Command, USAGE};
use failure::Failure;
use steps::Steps;

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
    shell::enter_workspace_root()?;
    let mut steps = Steps::new();
    let outcome = match command {
        Command::Help => {
            shell::say(USAGE);
            return Ok(());
        }
        Command::Generate => return test::generate(),
        Command::Picture => return picture::run(),
        Command::Page => return page::run(),
        Command::Shells => return shells::run(),
        Command::Fuzz(seconds, names) => return fuzz::run(seconds, &names),
        Command::Bench(which, options) => return bench::run(which, &options),
        Command::Test(selection) => {
            let preparations = test::Preparations::begin(&mut steps, &selection)?;
            test::run(&mut steps, preparations, &selection)
        }
        Command::Check(selection) => check::run(&mut steps, &selection),
        Command::Zoo(names) => zoo::run(&mut steps, &names),
        Command::Release => release::run(&mut steps),
        Command::Features => {
            check::matrix(&mut steps);
            Ok(())
        }
        // The tests run even when a check failed: one CI run reports both.
        Command::Ci => {
            let preparations = test::Preparations::begin(&mut steps, &[])?;
            let checked = check::run(&mut steps, &[]);
            let tested = test::run(&mut steps, preparations, &[]);
            Failure::all([checked, tested])
        }
    };
    Failure::all([steps.finish(), outcome])
}

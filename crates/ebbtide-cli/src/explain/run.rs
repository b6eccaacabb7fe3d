//! Prints the text of a check.

use std::io::{self, Write};

use clap::Args;
use clap::builder::PossibleValuesParser;
use ebbtide_rehearse::CheckId;

use super::texts::text;
use crate::exit::Ending;
use crate::output;

/// Explain a check: its meaning, likely causes and the usual remedies
///
/// Prints Markdown: what a failure means for users, which evidence shows which cause, and the usual remedy for nginx, Go, Node
/// and express, uvicorn, gunicorn, Spring Boot, Puma, .NET and PHP-FPM. The book has the same pages.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Name of the check, as the verdict prints it
    #[arg(value_name = "CHECK", value_parser = PossibleValuesParser::new(CheckId::ALL.map(CheckId::name)))]
    check: String,
}

/// Runs `ebbtide explain`.
pub(crate) fn run(args: &ExplainArgs) -> Ending {
    let checks = CheckId::ALL.into_iter().filter(|check| check.name() == args.check);
    for check in checks {
        match anstream::stdout().write_all(text(check).as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                output::complain(&format!("cannot write to stdout: {error}"), None);
                return Ending::NotRehearsed;
            }
            _ => {}
        }
    }
    Ending::Passed
}

use std::io;
use std::process::ExitCode;

use thiserror::Error;

use crate::command::USAGE;
use crate::shell::say;

/// Why a command failed.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("{0}\n\n{USAGE}")]
    Usage(String),
    #[error("cannot {what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("`{command}` failed: {status}")]
    Command { command: String, status: String },
    #[error("{tool} is missing and {why}; install the package `{package}`")]
    MissingTool { tool: &'static str, package: &'static str, why: &'static str },
    #[error("{name} did not start; its output:\n{said}")]
    Server { name: &'static str, said: String },
    #[error("interrupted by a signal")]
    Interrupted,
    #[error("failed: {0}")]
    Steps(String),
    #[error("{}", list(.what, .violations))]
    Violations { what: &'static str, violations: Vec<String> },
    #[error("cannot read {what}: {why}")]
    Unreadable { what: String, why: String },
}

impl Failure {
    /// Returns a conversion from an I/O error that names the failed action: "cannot {what}".
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Returns success when there is no violation.
    pub(crate) fn unless_empty(what: &'static str, violations: Vec<String>) -> Result<(), Self> {
        if violations.is_empty() { Ok(()) } else { Err(Self::Violations { what, violations }) }
    }

    /// Returns success when every outcome is a success. Prints each failure when there are several, and returns their number.
    pub(crate) fn all(outcomes: impl IntoIterator<Item = Result<(), Self>>) -> Result<(), Self> {
        let failures: Vec<Self> = outcomes.into_iter().filter_map(Result::err).collect();
        match failures.len() {
            0 => Ok(()),
            1 => Err(failures.into_iter().next().unwrap_or(Self::Steps("one step".to_owned()))),
            several => {
                for failure in failures {
                    say(&format!("error: {failure}"));
                }
                Err(Self::Steps(format!("{several} steps")))
            }
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Io { .. }
            | Self::Command { .. }
            | Self::MissingTool { .. }
            | Self::Server { .. }
            | Self::Interrupted
            | Self::Steps(_)
            | Self::Violations { .. }
            | Self::Unreadable { .. } => ExitCode::FAILURE,
        }
    }
}

fn list(what: &str, violations: &[String]) -> String {
    let lines: Vec<String> = violations.iter().map(|violation| format!("\n  {violation}")).collect();
    format!("{what}:{}", lines.concat())
}

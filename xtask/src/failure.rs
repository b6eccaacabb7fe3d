use std::io;
use std::process::ExitCode;

use thiserror::Error;

use crate::command::USAGE;

/// Why a chore was not done.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("{0}\n\n{USAGE}")]
    Usage(String),
    #[error("cannot {what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("`{command}` ended with {status}")]
    Command { command: String, status: String },
    #[error("{tool} is missing and {why}; install the package `{package}`")]
    MissingTool { tool: &'static str, package: &'static str, why: &'static str },
    #[error("{0}")]
    Postgres(String),
    #[error("failed: {0}")]
    Steps(String),
}

impl Failure {
    /// Names what was tried when the operating system refused.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Io { .. }
            | Self::Command { .. }
            | Self::MissingTool { .. }
            | Self::Postgres(_)
            | Self::Steps(_) => ExitCode::FAILURE,
        }
    }
}

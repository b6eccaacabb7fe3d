//! `ebbtide demo`.

use std::process::ExitCode;

/// Runs the demo until it is stopped. Its exit codes are those of a lifecycle.
pub(crate) fn run(args: ebbtide_demo::Args) -> ExitCode {
    ebbtide_demo::run(args)
}

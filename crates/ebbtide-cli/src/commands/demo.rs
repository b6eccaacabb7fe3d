//! `ebbtide demo`.

use std::process::ExitCode;

/// The demo's own options.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Options of the demo service
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

/// Runs the demo until it is stopped.
pub(crate) fn run(args: DemoArgs) -> ExitCode {
    let _no_demo_yet = args.options;
    crate::output::complain("the demo service is not part of this build", None);
    ExitCode::from(3)
}

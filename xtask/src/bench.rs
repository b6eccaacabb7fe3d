//! `cargo xtask bench`: the comparisons with peers, built in release mode, one after the other.

use crate::command::Comparison;
use crate::failure::Failure;
use crate::shell;

/// A separate workspace has a separate profile: settings that make the command build faster do not change the figures.
const WORKSPACE: [&str; 2] = ["--manifest-path", "bench/Cargo.toml"];

/// Runs one comparison with `options`, or the short ones with their defaults.
///
/// # Errors
///
/// When one cannot be built or run, or misses a limit that `--check` enforces.
pub(crate) fn run(which: Option<Comparison>, options: &[String]) -> Result<(), Failure> {
    // Built first, so that nothing compiles during a measurement.
    shell::run(shell::cargo(&["build", "--release", "--bins"]).args(WORKSPACE))?;
    let comparisons = which.map_or_else(|| Comparison::SHORT.to_vec(), |comparison| vec![comparison]);
    for comparison in comparisons {
        let mut run = shell::cargo(&["run", "--quiet", "--release"]);
        shell::run(run.args(WORKSPACE).args(["--", comparison.name()]).args(options))?;
    }
    Ok(())
}

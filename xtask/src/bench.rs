//! `cargo xtask bench`: the comparisons with peers, built for release, one after the other.

use crate::command::Comparison;
use crate::failure::Failure;
use crate::shell;

/// Its profile is its own as well, so that nothing that makes the command quicker to build changes a figure.
const WORKSPACE: [&str; 2] = ["--manifest-path", "bench/Cargo.toml"];

/// Runs one comparison with `options`, or the short ones with their defaults.
///
/// # Errors
///
/// When one cannot be built or run, or misses a bar that `--check` asked for.
pub(crate) fn run(which: Option<Comparison>, options: &[String]) -> Result<(), Failure> {
    // Built whole first: nothing is compiled while something is measured, and programs find each other beside them.
    shell::run(shell::cargo(&["build", "--release", "--bins"]).args(WORKSPACE))?;
    let comparisons = which.map_or_else(|| Comparison::SHORT.to_vec(), |comparison| vec![comparison]);
    for comparison in comparisons {
        let program = comparison.program();
        let mut run = shell::cargo(&["run", "--quiet", "--release", "--bin", program]);
        shell::run(run.args(WORKSPACE).arg("--").args(options))?;
    }
    Ok(())
}

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
    // Built first: nothing is compiled while something is measured.
    shell::run(shell::cargo(&["build", "--release", "--bins"]).args(WORKSPACE))?;
    let comparisons = which.map_or_else(|| Comparison::SHORT.to_vec(), |comparison| vec![comparison]);
    for comparison in comparisons {
        let mut run = shell::cargo(&["run", "--quiet", "--release"]);
        shell::run(run.args(WORKSPACE).args(["--", comparison.name()]).args(options))?;
    }
    Ok(())
}

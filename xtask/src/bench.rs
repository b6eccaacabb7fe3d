//! `cargo xtask bench`: the comparisons with peers, built for release, one after the other.

use crate::command::Comparison;
use crate::failure::Failure;
use crate::shell;

/// Runs one comparison with `options`, or the short ones with their defaults.
///
/// # Errors
///
/// When one cannot be built or run, or misses a bar that `--check` asked for.
pub(crate) fn run(which: Option<Comparison>, options: &[String]) -> Result<(), Failure> {
    // Built whole first: nothing is compiled while something is measured, and programs find each other beside them.
    shell::run(&mut shell::cargo(&["build", "--release", "--package", "ebbtide-bench", "--bins"]))?;
    let comparisons = which.map_or_else(|| Comparison::SHORT.to_vec(), |comparison| vec![comparison]);
    for comparison in comparisons {
        let program = comparison.program();
        let arguments = ["run", "--quiet", "--release", "--package", "ebbtide-bench", "--bin", program, "--"];
        shell::run(shell::cargo(&arguments).args(options))?;
    }
    Ok(())
}

//! What cargo's own tools check.

use crate::failure::Failure;
use crate::shell;

pub(super) fn format() -> Result<(), Failure> {
    const OTHERS: [&str; 2] = ["bench/Cargo.toml", "fuzz/Cargo.toml"];
    shell::run(&mut shell::cargo(&["fmt", "--all", "--check"]))?;
    OTHERS.into_iter().try_for_each(|manifest| {
        shell::run(&mut shell::cargo(&["fmt", "--check", "--manifest-path", manifest]))
    })
}

pub(super) fn lints() -> Result<(), Failure> {
    let arguments =
        ["clippy", "--quiet", "--workspace", "--all-targets", "--all-features", "--", "-Dwarnings"];
    shell::run(&mut shell::cargo(&arguments))
}

/// Documents what the lints have checked: `--examples`, of which there are none, makes cargo resolve the features of
/// dependencies as it does for tests, so that none is compiled once more.
pub(super) fn documentation() -> Result<(), Failure> {
    let arguments = ["doc", "--quiet", "--workspace", "--lib", "--examples", "--no-deps", "--all-features"];
    shell::run(shell::cargo(&arguments).env("RUSTDOCFLAGS", "-Dwarnings"))
}

/// Compiles, lints and tests the benchmarks, a workspace of its own; its registry dependencies that the others have too are
/// shared by way of the target folder.
pub(super) fn benchmarks() -> Result<(), Failure> {
    const BENCH: [&str; 4] = ["--manifest-path", "bench/Cargo.toml", "--target-dir", "target"];
    let mut lints = shell::cargo(&["clippy", "--quiet", "--locked", "--all-targets"]);
    shell::run(lints.args(BENCH).args(["--", "-Dwarnings"]))?;
    shell::run(shell::cargo(&["test", "--quiet", "--locked", "--lib"]).args(BENCH))
}

/// Compiles the fuzz targets. To run them takes a nightly compiler.
pub(super) fn fuzz_targets() -> Result<(), Failure> {
    let fuzz = ["--manifest-path", "fuzz/Cargo.toml", "--target-dir", "target/fuzz"];
    let mut cargo = shell::cargo(&["check", "--quiet", "--locked"]);
    shell::run(cargo.args(fuzz).env("RUSTFLAGS", "--cfg fuzzing"))
}

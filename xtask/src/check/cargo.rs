//! What cargo's own tools check, and what cargo tells of the workspace.

use serde_json::Value;

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

/// Documents what the lints have checked. One example, the demo, makes cargo resolve the features of dependencies as it does for
/// tests, so that none is compiled once more; the others are to be read, not documented. The programs are documented apart: that
/// of the command and the library have one name, and so would their pages.
pub(super) fn documentation() -> Result<(), Failure> {
    const WORLD: [&str; 7] =
        ["doc", "--quiet", "--workspace", "--example", "demo", "--no-deps", "--all-features"];
    let document = |targets: &[&str]| {
        let mut cargo = shell::cargo(&WORLD);
        shell::run(cargo.args(targets).env("RUSTDOCFLAGS", "-Dwarnings"))
    };
    document(&["--lib"])?;
    document(&["--bins", "--document-private-items"])
}

/// The benchmarks are a workspace of their own; its registry dependencies that the others have too are shared by way of the target
/// folder.
const BENCH: [&str; 4] = ["--manifest-path", "bench/Cargo.toml", "--target-dir", "target"];

/// Compiles, lints and tests the benchmarks, all but the one side that takes half of their time to compile.
pub(super) fn benchmarks() -> Result<(), Failure> {
    lint_benchmarks(&["--no-default-features", "--features", "peers"])?;
    // The tests are of what the figures go through: they need none of the peers, which are large.
    shell::run(shell::cargo(&["test", "--quiet", "--locked", "--lib", "--no-default-features"]).args(BENCH))
}

/// Lints the benchmarks with some of their features.
pub(super) fn lint_benchmarks(features: &[&str]) -> Result<(), Failure> {
    let mut lints = shell::cargo(&["clippy", "--quiet", "--locked", "--all-targets"]);
    shell::run(lints.args(features).args(BENCH).args(["--", "-Dwarnings"]))
}

/// Compiles the fuzz targets. To run them takes a nightly compiler.
pub(super) fn fuzz_targets() -> Result<(), Failure> {
    let fuzz = ["--manifest-path", "fuzz/Cargo.toml", "--target-dir", "target/fuzz"];
    let mut cargo = shell::cargo(&["check", "--quiet", "--locked"]);
    shell::run(cargo.args(fuzz).env("RUSTFLAGS", "--cfg fuzzing"))
}

/// Asks cargo for everything the workspace uses, on every platform.
///
/// # Errors
///
/// When cargo cannot tell, for one because `Cargo.lock` is not what the manifests ask for.
pub(super) fn metadata() -> Result<Vec<Value>, Failure> {
    let mut cargo = shell::cargo(&["metadata", "--format-version", "1", "--all-features", "--locked"]);
    let output = shell::output(&mut cargo)?;
    let unreadable = |why: String| Failure::Unreadable { what: "cargo's metadata".to_owned(), why };
    let mut metadata: Value = serde_json::from_str(&output).map_err(|error| unreadable(error.to_string()))?;
    match metadata.get_mut("packages").map(Value::take) {
        Some(Value::Array(packages)) if !packages.is_empty() => Ok(packages),
        _ => Err(unreadable("it has no packages".to_owned())),
    }
}

//! Checks by cargo's own tools, and the workspace's metadata.

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

/// Builds the documentation. The demo, an example, is included so that cargo resolves the features of dependencies as it does
/// for tests; otherwise they would be compiled once more. The binaries are documented in a separate call: the command and the
/// library have the same name, so their pages would overwrite each other.
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

/// The benchmarks are a separate workspace. A shared target folder lets them reuse compiled registry dependencies.
const BENCH: [&str; 4] = ["--manifest-path", "bench/Cargo.toml", "--target-dir", "target"];

/// Compiles, lints and tests the benchmarks, except for one peer that takes half of their compile time.
pub(super) fn benchmarks() -> Result<(), Failure> {
    lint_benchmarks(&["--no-default-features", "--features", "peers"])?;
    // The tests cover the measuring code, which needs none of the (large) peers.
    shell::run(shell::cargo(&["test", "--quiet", "--locked", "--lib", "--no-default-features"]).args(BENCH))
}

/// Lints the benchmarks with some of their features.
pub(super) fn lint_benchmarks(features: &[&str]) -> Result<(), Failure> {
    let mut lints = shell::cargo(&["clippy", "--quiet", "--locked", "--all-targets"]);
    shell::run(lints.args(features).args(BENCH).args(["--", "-Dwarnings"]))
}

/// Compiles the fuzz targets. Running them takes a nightly compiler.
pub(super) fn fuzz_targets() -> Result<(), Failure> {
    let fuzz = ["--manifest-path", "fuzz/Cargo.toml", "--target-dir", "target/fuzz"];
    let mut cargo = shell::cargo(&["check", "--quiet", "--locked"]);
    // Nothing is linked: libFuzzer, a third of the time, is not compiled.
    cargo.env("CUSTOM_LIBFUZZER_PATH", "/dev/null");
    shell::run(cargo.args(fuzz).env("RUSTFLAGS", "--cfg fuzzing"))
}

/// Returns the metadata of every package in the dependency graph, on every platform.
///
/// # Errors
///
/// When `cargo metadata` fails, for example because `Cargo.lock` is out of date.
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

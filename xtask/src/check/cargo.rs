//! Checks by cargo's own tools, and the workspace's metadata.

use std::collections::{BTreeMap, BTreeSet};

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

/// Every peer except for one.
const PEERS: [&str; 3] = ["--no-default-features", "--features", "peers"];

/// Compiles, lints and tests the benchmarks, except for one peer that takes half of their compile time.
pub(super) fn benchmarks() -> Result<(), Failure> {
    compiled_once()?;
    lint_benchmarks(&PEERS)?;
    // The tests cover the measuring code, which needs none of the (large) peers.
    shell::run(shell::cargo(&["test", "--quiet", "--locked", "--lib", "--no-default-features"]).args(BENCH))
}

/// Checks that what the benchmarks share with the workspace has the same features in both, so that it is compiled once.
fn compiled_once() -> Result<(), Failure> {
    const TREE: [&str; 6] =
        ["tree", "--locked", "-e=normal,build,dev", "--prefix=none", "--quiet", "-f={p}|{f}"];
    let ours = shell::output(shell::cargo(&TREE).args(["--workspace", "--all-features"]))?;
    let theirs =
        shell::output(shell::cargo(&TREE).args(PEERS).args(["--manifest-path", "bench/Cargo.toml"]))?;
    Failure::unless_empty("features of bench/Cargo.toml", differences(&ours, &theirs))
}

/// Returns the registry's packages of `theirs` that `ours` has with other features only. A line is `NAME vVERSION|FEATURES`, and
/// ends with ` (*)` if it is a repetition.
fn differences(ours: &str, theirs: &str) -> Vec<String> {
    let lines = |text| str::lines(text).map(|line| line.trim_end_matches(" (*)"));
    let mut here = BTreeMap::<&str, BTreeSet<&str>>::new();
    for (package, features) in lines(ours).filter_map(|line| line.split_once('|')) {
        here.entry(package).or_default().insert(features);
    }
    let unique: BTreeSet<&str> = lines(theirs).filter(|line| !line.contains(" (/")).collect();
    let differs = unique.into_iter().filter_map(|line| {
        let (package, there) = line.split_once('|')?;
        let here = here.get(package).filter(|sets| !sets.contains(there))?.first()?;
        Some(format!(
            "{package} is compiled twice: with [{there}] for the benchmarks, and with [{here}] for the workspace; name the features that \
             are missing in bench/Cargo.toml or docs/book/listings/Cargo.toml"
        ))
    });
    differs.collect()
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

#[cfg(test)]
mod tests {
    use super::differences;

    #[test]
    fn a_package_of_both_workspaces_with_other_features_is_found() {
        let ours = "syn v2.0.1|full (*)\nsyn v2.0.1|full,visit\nmio v1.0.0|net\nebbtide v0.1.0 (/a/crates/ebbtide)|http\n";
        let same =
            "syn v2.0.1|full\nsyn v3.0.0|full\nother v1.0.0|\nebbtide v0.1.0 (/a/crates/ebbtide)|axum\n";
        assert_eq!(differences(ours, same), Vec::<String>::new());
        let [only] = &differences(ours, "syn v2.0.1|full\nmio v1.0.0|\n")[..] else { panic!("one") };
        assert!(
            only.starts_with("mio v1.0.0 is compiled twice: with [] for the benchmarks, and with [net] for"),
            "{only}"
        );
    }
}

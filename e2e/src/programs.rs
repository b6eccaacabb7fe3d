#![expect(clippy::panic, reason = "a test without its program has nothing to test")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Set by who has built every program before the tests start, as `cargo xtask test` does.
const BUILT: &str = "EBBTIDE_TEST_BUILT";

/// Returns a command that runs the service of this name, one of `src/bin/service`.
///
/// # Panics
///
/// As [`service_program`].
pub fn service(name: &str) -> Command {
    let mut command = Command::new(service_program());
    command.arg(name);
    command
}

/// Returns the path of the program that is every service: its first argument names the service. cargo builds it along with the
/// tests of this package.
///
/// # Panics
///
/// When it is missing.
pub fn service_program() -> PathBuf {
    existing(
        beside("service"),
        "run the test with `cargo test` or `cargo nextest run`, which build the program",
    )
}

/// Returns the path of the command `ebbtide`, built the way the test was.
///
/// Under `cargo nextest`, each test is a process of its own: where `EBBTIDE_TEST_BUILT` is set, nothing is built here, so that cargo
/// is not run once for each test.
///
/// # Panics
///
/// When it cannot be built, or is missing although `EBBTIDE_TEST_BUILT` is set.
pub fn ebbtide_program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    // `--example demo` is one small target that has the features of the tests.
    PROGRAM.get_or_init(|| built("ebbtide", &["--bin", "ebbtide", "--example", "demo"])).clone()
}

/// Returns a command that runs an example, built the way the test was.
///
/// # Panics
///
/// When it cannot be built, or is missing although `EBBTIDE_TEST_BUILT` is set.
pub fn example(name: &str) -> Command {
    static EXAMPLES: OnceLock<PathBuf> = OnceLock::new();
    Command::new(EXAMPLES.get_or_init(|| built("examples", &["--examples"])).join(name))
}

/// Returns the path of what cargo has built, or builds now unless the environment says that it is there.
fn built(what: &str, targets: &[&str]) -> PathBuf {
    let path = beside(what);
    if std::env::var_os(BUILT).is_none_or(|value| value.is_empty()) {
        build(targets);
    }
    let remedy = "`cargo test --workspace --all-features --no-run` builds it; without EBBTIDE_TEST_BUILT the test does";
    existing(path, remedy)
}

/// Builds targets without compiling any dependency again after `cargo test --workspace --all-features`.
///
/// cargo resolves features for all the packages that a command selects, and takes those of their dev-dependencies only where it builds
/// a target that has them: a test, an example or a benchmark. `--bin ebbtide` alone therefore resolves other features of tokio, libc and
/// the SDK of SQS than the tests do, and everything above them is compiled twice. With an example beside it, it has the features of the
/// tests.
fn build(targets: &[&str]) {
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--workspace", "--all-features"]).args(targets);
    let folder = beside("");
    if let Some(profile) = folder.file_name().filter(|name| *name != "debug") {
        build.arg("--profile").arg(profile);
    }
    build.arg("--target-dir").arg(folder.parent().unwrap_or(&folder));
    let built = build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).status();
    assert!(built.is_ok_and(|status| status.success()), "it does not build: {build:?}");
}

/// Returns where cargo puts a program of this name when it builds this test: the test itself is in `deps`, beside it.
fn beside(program: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap_or_else(|error| panic!("the path of the test: {error}"));
    let folder = test.parent().and_then(Path::parent);
    folder.unwrap_or_else(|| panic!("{} is not in a target folder", test.display())).join(program)
}

fn existing(program: PathBuf, remedy: &str) -> PathBuf {
    assert!(program.exists(), "{} is missing: {remedy}", program.display());
    program
}

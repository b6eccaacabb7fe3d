//! The programs under test: their paths and their reports.
#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a test without its program, or what it reports, has nothing to test"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use ebbtide::{Phase, Report};
use serde_json::Value;
use tempfile::NamedTempFile;

/// Set when every program was built before the tests start, as `cargo xtask test` does.
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

/// Returns the path of the program that contains every service; its first argument names the service. cargo builds it together
/// with the tests of this package.
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

/// Returns the path of the command `ebbtide`, built with the profile of the test.
///
/// Under `cargo nextest`, each test is a separate process. If `EBBTIDE_TEST_BUILT` is set, nothing is built here, so that cargo does
/// not run once per test.
///
/// # Panics
///
/// When it cannot be built, or is missing although `EBBTIDE_TEST_BUILT` is set.
pub fn ebbtide_program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    // `--example demo` is one small target that has the features of the tests.
    PROGRAM.get_or_init(|| built("ebbtide", &["--bin", "ebbtide", "--example", "demo"])).clone()
}

/// Returns a command that runs an example, built with the profile of the test.
///
/// # Panics
///
/// When it cannot be built, or is missing although `EBBTIDE_TEST_BUILT` is set.
pub fn example(name: &str) -> Command {
    static EXAMPLES: OnceLock<PathBuf> = OnceLock::new();
    Command::new(EXAMPLES.get_or_init(|| built("examples", &["--examples"])).join(name))
}

/// Returns the path of a built target. Builds it first, unless the environment states that it is built.
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
    assert!(built.is_ok_and(|status| status.success()), "build failed: {build:?}");
}

/// Returns the path that cargo gives to a program of this name when it builds this test. The test itself is in `deps`, beside it.
fn beside(program: &str) -> PathBuf {
    let test =
        std::env::current_exe().unwrap_or_else(|error| panic!("path of the test program unknown: {error}"));
    let folder = test.parent().and_then(Path::parent);
    folder.unwrap_or_else(|| panic!("{} is not in a target folder", test.display())).join(program)
}

fn existing(program: PathBuf, remedy: &str) -> PathBuf {
    assert!(program.exists(), "{} is missing: {remedy}", program.display());
    program
}

/// Returns the name and the folder of the sources of each crate of the library, including those for client libraries of other
/// projects.
///
/// # Panics
///
/// When the folder of the crates cannot be read.
pub fn library_crates() -> Vec<(String, PathBuf)> {
    let crates = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates")).expect("the crates");
    let crates = crates.map(|entry| entry.expect("a folder"));
    let named =
        crates.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path().join("src")));
    named
        .filter(|(name, _)| !matches!(name.as_str(), "ebbtide-cli" | "ebbtide-misuse" | "ebbtide-rehearse"))
        .collect()
}

/// The output of a rehearsal.
#[derive(Debug)]
pub struct Rehearsed {
    /// The exit code.
    pub code: Option<i32>,
    /// The JSON from standard output.
    pub json: Value,
}

/// Runs `ebbtide rehearse` with these arguments and returns its JSON.
///
/// # Panics
///
/// When it prints no JSON.
pub fn rehearse(args: &[&str]) -> Rehearsed {
    rehearse_in(&[], args)
}

/// Runs `ebbtide rehearse` with these arguments and these additional environment variables, and returns its JSON.
///
/// # Panics
///
/// As [`rehearse`].
pub fn rehearse_in(environment: &[(&str, &str)], args: &[&str]) -> Rehearsed {
    let mut command = Command::new(ebbtide_program());
    command.arg("rehearse").args(["--format", "json", "--quiet"]).args(args);
    let output = command.envs(environment.iter().copied()).output();
    let output = output.unwrap_or_else(|error| panic!("starting the command failed: {error}"));
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        panic!("{error}: {}\n{said}", String::from_utf8_lossy(&output.stdout))
    });
    Rehearsed { code: output.status.code(), json }
}

impl Rehearsed {
    /// Returns a count of `requests`.
    ///
    /// # Panics
    ///
    /// When there is no count with this name.
    pub fn count(&self, name: &str) -> u64 {
        let count = &self.json["requests"][name];
        count.as_u64().unwrap_or_else(|| panic!("requests.{name} missing in: {:#}", self.json))
    }

    /// Returns the verdict and the evidence of a check.
    ///
    /// # Panics
    ///
    /// When there is no check with this id.
    pub fn check(&self, id: &str) -> (&str, &str) {
        let mut checks = self.json["checks"].as_array().into_iter().flatten();
        let check = checks.find(|check| check["id"] == id);
        let check = check.unwrap_or_else(|| panic!("check {id} missing in: {:#}", self.json));
        (check["verdict"].as_str().unwrap_or_default(), check["evidence"].as_str().unwrap_or_default())
    }

    /// Returns the evidence of a check for each run in which it passed.
    pub fn passed(&self, id: &str) -> Vec<&str> {
        let runs = self.json["runs"].as_array().into_iter().flatten();
        let checks = runs.filter_map(|run| run["checks"].as_array()).flatten();
        let passed = checks.filter(|check| check["id"] == id && check["verdict"] == "pass");
        passed.filter_map(|check| check["evidence"].as_str()).collect()
    }

    /// Returns the ids of the checks that failed.
    pub fn failed(&self) -> Vec<&str> {
        let checks = self.json["checks"].as_array().into_iter().flatten();
        checks.filter(|check| check["verdict"] == "fail").filter_map(|check| check["id"].as_str()).collect()
    }
}

/// The file to which a service writes its report.
#[derive(Debug)]
pub struct ReportFile(NamedTempFile);

impl ReportFile {
    /// Creates an empty file for `EBBTIDE_REPORT`.
    ///
    /// # Panics
    ///
    /// When it cannot be created.
    pub fn new() -> Self {
        Self(NamedTempFile::new().unwrap_or_else(|error| panic!("creating a temporary file failed: {error}")))
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the report of a service that has exited.
    ///
    /// # Panics
    ///
    /// When it has not written a report.
    pub fn read(&self) -> Report {
        let text = fs::read(self.path()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_else(|error| panic!("invalid or missing report: {error}"))
    }

    /// Returns the duration of the lame duck, measured by the service.
    ///
    /// # Panics
    ///
    /// When there was no lame duck, and as [`read`](Self::read).
    pub fn lame_duck(&self) -> Duration {
        let report = self.read();
        let began = |phase| report.phases.iter().find(|change| change.phase == phase).map(|change| change.at);
        match (began(Phase::LameDuck), began(Phase::Draining)) {
            (Some(from), Some(to)) => to.saturating_sub(from),
            _ => panic!("lame duck phase missing in: {:?}", report.phases),
        }
    }
}

impl Default for ReportFile {
    fn default() -> Self {
        Self::new()
    }
}

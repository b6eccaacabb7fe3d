use super::servers::{Servers, postgres};
use super::summary::Summary;
use super::tools;
use crate::failure::Failure;
use crate::shell::{self, Output};
use crate::steps::{Beside, Steps};
use crate::{interruption, shell::cargo};

/// What is built once, for the tests and for the programs that they start.
const WORLD: [&str; 2] = ["--workspace", "--all-features"];

/// Tells the tests that the programs they start are built already. Without it they build them.
const BUILT: (&str, &str) = ("EBBTIDE_TEST_BUILT", "1");

/// The cfg that exchanges the drain's atomics and locks for loom's. Not `loom`, which would take tokio's net away.
const LOOM_FLAGS: &str = "--cfg ebbtide_loom";

/// Every interleaving with up to so many preemptions: seconds, where the unbounded search takes hours.
const PREEMPTIONS: &str = "3";

/// What runs before and beside the tests.
pub(crate) struct Preparations {
    servers: Beside<Servers>,
    /// All of them run: no selection was given.
    models: Option<Beside<Summary>>,
}

impl Preparations {
    /// Gets the tools that the tests need, and starts their servers and the models beside what follows.
    ///
    /// # Errors
    ///
    /// When something needed cannot be had.
    pub(crate) fn begin(steps: &mut Steps, selection: &[String]) -> Result<Option<Self>, Failure> {
        interruption::heed()?;
        let Some(()) = steps.run("tools of the tests", provide) else { return Ok(None) };
        let servers = Steps::start("servers of the tests", Servers::provide)?;
        let models = selection.is_empty().then(|| Steps::start("models", models)).transpose()?;
        Ok(Some(Self { servers, models }))
    }
}

/// Gets what the tests need, runs them all whether or not one fails, and prints the counts at the end. What was
/// started for them is stopped and removed, also when a signal ends this program.
///
/// With a selection, which cargo-nextest reads, only those tests run: no doc tests, no models, nothing without features.
///
/// # Errors
///
/// When something does not build, or a test fails.
pub(crate) fn run(
    steps: &mut Steps,
    preparations: Option<Preparations>,
    selection: &[String],
) -> Result<(), Failure> {
    // What is missing is a step that failed.
    let Some(preparations) = preparations else { return Ok(()) };
    let mut summary = Summary::default();
    let built = steps.run("build of the tests", build).is_some();
    let servers = steps.join(preparations.servers);
    // Before the tests: what counts losses is not to share the processor with a compiler.
    if let Some(models) = preparations.models.and_then(|models| steps.join(models)) {
        summary.take(models);
    }
    if let (true, Some(servers)) = (built, &servers) {
        steps.run("tests", || tests(servers, selection, &mut summary));
        if selection.is_empty() {
            steps.run("doc tests", || doc_tests(servers, &mut summary));
            steps.run("the command without features", || without_features(&mut summary));
        }
    }
    drop(servers);
    summary.print();
    summary.judge()
}

/// Writes the generated pages: the test that compares each with what it describes writes it when asked to.
///
/// # Errors
///
/// When one cannot be made or written.
pub(crate) fn generate() -> Result<(), Failure> {
    let mut test = cargo(&["nextest", "run", "--workspace", "--all-features", "-E", "test(/^help_page::/)"]);
    shell::run(test.env("EBBTIDE_GENERATE", "1"))
}

fn provide() -> Result<(), Failure> {
    tools::provide()?;
    // Some tests start one of their own, wherever the others find theirs.
    postgres::find_or_install().map(drop)
}

fn build() -> Result<(), Failure> {
    shell::run(cargo(&["nextest", "run", "--no-run"]).args(WORLD))
}

fn tests(servers: &Servers, selection: &[String], summary: &mut Summary) -> Result<(), Failure> {
    let mut nextest = cargo(&["nextest", "run"]);
    nextest.args(WORLD).args(selection).envs([BUILT]).envs(servers.variables());
    shell::run_watching(&mut nextest, Output::Stderr, |line| summary.read_nextest(line))
}

/// Runs what cargo-nextest does not.
fn doc_tests(servers: &Servers, summary: &mut Summary) -> Result<(), Failure> {
    let mut doc_tests = cargo(&["test", "--doc", "--no-fail-fast"]);
    doc_tests.args(WORLD).envs(servers.variables());
    shell::run_watching(&mut doc_tests, Output::Stdout, |line| summary.read_libtest(line))
}

/// Tests the command as README's first command builds it.
fn without_features(summary: &mut Summary) -> Result<(), Failure> {
    let mut tests = cargo(&["test", "--package", "ebbtide-cli", "--test", "rehearse", "features::"]);
    let before = summary.passed();
    shell::run_watching(&mut tests, Output::Stdout, |line| summary.read_libtest(line))?;
    if summary.passed() == before {
        Err(Failure::Steps("no test of the features ran".to_owned()))
    } else {
        Ok(())
    }
}

/// Runs the interleavings of the drain's primitives, in a target folder of its own: the flags would otherwise rebuild
/// everything each time.
fn models() -> Result<Summary, Failure> {
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let mut cargo = cargo(&["test", "--package", "ebbtide-core", "--lib", "--profile", "loom"]);
    cargo.args(["--target-dir", "target/loom", "drain::models::"]);
    cargo.env("RUSTFLAGS", format!("{flags} {LOOM_FLAGS}").trim());
    cargo.env("LOOM_MAX_PREEMPTIONS", PREEMPTIONS);
    let mut summary = Summary::default();
    shell::run_watching(&mut cargo, Output::Stdout, |line| summary.read_libtest(line))?;
    if summary.passed() == 0 { Err(Failure::Steps("no model ran".to_owned())) } else { Ok(summary) }
}

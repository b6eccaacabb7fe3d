use super::servers::{Servers, postgres};
use super::summary::Summary;
use super::{renderers, tools};
use crate::failure::Failure;
use crate::shell::{self, Output};
use crate::steps::{Beside, Steps};
use crate::{check, interruption, shell::cargo};

/// Built once, for the tests and for the programs that they start.
const WORLD: [&str; 2] = ["--workspace", "--all-features"];

/// Tells the tests that the programs they start are already built. Without this variable the tests build them.
const BUILT: (&str, &str) = ("EBBTIDE_TEST_BUILT", "1");

/// The cfg that replaces the atomics and locks of `drain` by loom's. Not `loom`: that cfg disables tokio's `net`.
const LOOM_FLAGS: &str = "--cfg ebbtide_loom";

/// The maximum number of preemptions per interleaving: takes seconds, where the unbounded search takes hours.
const PREEMPTIONS: &str = "3";

/// What is started before the tests and runs in parallel to the build.
pub(crate) struct Preparations {
    servers: Beside<Servers>,
    renderers: Beside<()>,
    /// Only set when all tests run: a selection excludes the models.
    models: Option<Beside<Summary>>,
}

impl Preparations {
    /// Installs the tools of the tests, and starts the servers, the installation of Helm and the models in parallel to the following steps.
    ///
    /// # Errors
    ///
    /// When signals cannot be handled or a thread cannot be started.
    pub(crate) fn begin(steps: &mut Steps, selection: &[String]) -> Result<Option<Self>, Failure> {
        interruption::heed()?;
        let Some(()) = steps.run("tools of the tests", provide) else { return Ok(None) };
        let servers = Steps::start("servers of the tests", Servers::provide)?;
        let renderers = Steps::start("Helm and kubectl", renderers::provide)?;
        let models = selection.is_empty().then(|| Steps::start("models", models)).transpose()?;
        Ok(Some(Self { servers, renderers, models }))
    }
}

/// Runs all tests, even when one fails, and prints the counts at the end. Servers that were started for the tests are stopped
/// and removed, also when a signal ends this program.
///
/// With a selection for cargo-nextest only those tests run, without doc tests, models and the build without features.
///
/// # Errors
///
/// When something does not build, or a test fails.
pub(crate) fn run(
    steps: &mut Steps,
    preparations: Option<Preparations>,
    selection: &[String],
) -> Result<(), Failure> {
    // A missing tool is already recorded as a failed step.
    let Some(preparations) = preparations else { return Ok(()) };
    let mut summary = Summary::default();
    let built = steps.run("build of the tests", build).is_some();
    let servers = steps.join(preparations.servers);
    let renderers = steps.join(preparations.renderers);
    // Before the tests: those that count lost requests must not share the processor with a compiler.
    if let Some(models) = preparations.models.and_then(|models| steps.join(models)) {
        summary.take(models);
    }
    if let (true, Some(servers), Some(())) = (built, &servers, renderers) {
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

/// Writes the generated pages, by running the tests that compare them with their sources in write mode.
///
/// # Errors
///
/// When a page cannot be generated or written.
pub(crate) fn generate() -> Result<(), Failure> {
    let pages = "test(/^(help_page|rule_pages|zoo::page|rehearse::settings::schema)::/)";
    let mut test = cargo(&["nextest", "run", "--workspace", "--all-features", "-E", pages]);
    shell::run(test.env("EBBTIDE_GENERATE", "1"))
}

fn provide() -> Result<(), Failure> {
    tools::provide()?;
    // Some tests start a separate PostgreSQL, even when the others use a shared one.
    postgres::find_or_install().map(drop)
}

fn build() -> Result<(), Failure> {
    shell::run(cargo(&["nextest", "run", "--no-run"]).args(WORLD))
}

fn tests(servers: &Servers, selection: &[String], summary: &mut Summary) -> Result<(), Failure> {
    let mut nextest = cargo(&["nextest", "run"]);
    nextest.args(WORLD).args(selection).envs([BUILT]).envs(servers.variables()).env("PATH", tools::path()?);
    shell::run_watching(&mut nextest, Output::Stderr, |line| summary.read_nextest(line))
}

/// Runs the doc tests, which cargo-nextest does not run.
fn doc_tests(servers: &Servers, summary: &mut Summary) -> Result<(), Failure> {
    let mut doc_tests = cargo(&["test", "--doc", "--no-fail-fast"]);
    doc_tests.args(WORLD).envs(servers.variables());
    shell::run_watching(&mut doc_tests, Output::Stdout, |line| summary.read_libtest(line))
}

/// Tests the command with the features that the first command of the README builds it with: none.
fn without_features(summary: &mut Summary) -> Result<(), Failure> {
    let mut tests = cargo(&["test", "--test", "rehearse"]);
    tests.args(check::workspace_and_command_with(&[])?).arg("features::");
    let before = summary.passed();
    shell::run_watching(&mut tests, Output::Stdout, |line| summary.read_libtest(line))?;
    if summary.passed() == before {
        Err(Failure::Steps("no test in features:: ran".to_owned()))
    } else {
        Ok(())
    }
}

/// Runs the loom models of the drain primitives. They have a separate target folder: with these flags in the shared one, every
/// run would rebuild everything.
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

use super::postgres::Postgres;
use super::summary::Summary;
use super::tools;
use crate::failure::Failure;
use crate::shell;

/// The cfg that exchanges the drain's atomics and locks for loom's. Not `loom`, which would take tokio's net away.
const LOOM_FLAGS: &str = "--cfg ebbtide_loom";

/// Gets what the tests need, runs them all whether or not one fails, and prints what they said at the end.
///
/// # Errors
///
/// When something needed cannot be had, something does not build, or a test fails.
pub(crate) fn run() -> Result<(), Failure> {
    tools::provide()?;
    let postgres = Postgres::provide()?;
    let mut summary = Summary::default();
    // Tests that start real programs look for them beside themselves: they are built first, with the tests' own flags.
    shell::run(&mut shell::cargo(&["build", "--workspace", "--all-features", "--bins"]))?;
    let tests = tests(&postgres, &mut summary);
    let models = models(&mut summary);
    postgres.stop();
    summary.print();
    summary.judge(tests.and(models))
}

fn tests(postgres: &Postgres, summary: &mut Summary) -> Result<(), Failure> {
    let mut cargo = shell::cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]);
    cargo.env("EBBTIDE_TEST_POSTGRES", postgres.url());
    shell::run_watching(&mut cargo, |line| summary.see(line))
}

/// Runs every interleaving of the drain's primitives. Optimised, since there are many; in a target folder of its own,
/// since the flags would otherwise rebuild everything twice a day.
fn models(summary: &mut Summary) -> Result<(), Failure> {
    let arguments =
        ["test", "--package", "ebbtide", "--lib", "--release", "--target-dir", "target/loom", "drain::"];
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let flags = format!("{flags} {LOOM_FLAGS}");
    let mut cargo = shell::cargo(&arguments);
    cargo.env("RUSTFLAGS", flags.trim());
    shell::run_watching(&mut cargo, |line| summary.see(line))
}

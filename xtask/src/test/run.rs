use super::servers::{Servers, postgres};
use super::summary::Summary;
use super::tools;
use crate::failure::Failure;
use crate::{interruption, shell};

/// The cfg that exchanges the drain's atomics and locks for loom's. Not `loom`, which would take tokio's net away.
const LOOM_FLAGS: &str = "--cfg ebbtide_loom";

/// Every interleaving with up to so many preemptions: seconds, where the unbounded search takes hours.
const PREEMPTIONS: &str = "3";

/// Gets what the tests need, runs them all whether or not one fails, and prints what they said at the end. What was
/// started for them is stopped and removed, also when a signal ends us.
///
/// # Errors
///
/// When something needed cannot be had, something does not build, or a test fails.
pub(crate) fn run() -> Result<(), Failure> {
    interruption::heed()?;
    tools::provide()?;
    // Some tests start one of their own, wherever the others find theirs.
    postgres::find_or_install()?;
    let servers = Servers::provide()?;
    let mut summary = Summary::default();
    // Tests that start real programs look for them beside themselves: they are built first, with the tests' own flags.
    shell::run(&mut shell::cargo(&["build", "--workspace", "--all-features", "--bins"]))?;
    let tests = tests(&servers, &mut summary);
    let models = models(&mut summary);
    drop(servers);
    summary.print();
    summary.judge(tests.and(models))
}

fn tests(servers: &Servers, summary: &mut Summary) -> Result<(), Failure> {
    let mut cargo = shell::cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]);
    cargo.envs(servers.variables());
    shell::run_watching(&mut cargo, |line| summary.see(line))
}

/// Runs the interleavings of the drain's primitives, in a target folder of its own: the flags would otherwise rebuild
/// everything each time.
fn models(summary: &mut Summary) -> Result<(), Failure> {
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let mut cargo = shell::cargo(&["test", "--package", "ebbtide", "--lib", "--profile", "loom"]);
    cargo.args(["--target-dir", "target/loom", "drain::models::"]);
    cargo.env("RUSTFLAGS", format!("{flags} {LOOM_FLAGS}").trim());
    cargo.env("LOOM_MAX_PREEMPTIONS", PREEMPTIONS);
    let before = summary.passed();
    shell::run_watching(&mut cargo, |line| summary.see(line))?;
    if summary.passed() == before { Err(Failure::Steps("no model ran".to_owned())) } else { Ok(()) }
}

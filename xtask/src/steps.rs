use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::shell::say;

/// What one call of `cargo xtask` did, step by step: each runs although one before it failed, and all are listed at the end with
/// their times.
#[derive(Debug, Default)]
pub(crate) struct Steps(Vec<Step>);

#[derive(Debug)]
struct Step {
    name: &'static str,
    took: Duration,
    failed: bool,
}

impl Steps {
    /// Runs a step, prints why it failed if it did, and returns what it gave otherwise.
    pub(crate) fn run<T>(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> Result<T, Failure>,
    ) -> Option<T> {
        say(&format!("==> step: {name}"));
        let began = now();
        let outcome = step().map_err(|failure| say(&format!("error: {name}: {failure}"))).ok();
        self.0.push(Step { name, took: began.elapsed(), failed: outcome.is_none() });
        outcome
    }

    /// Prints the table of steps.
    ///
    /// # Errors
    ///
    /// When a step failed.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        say("\n==> time per step");
        for step in &self.0 {
            say(&step.line());
        }
        let total = self.0.iter().map(|step| step.took).sum();
        say(&format!("{} total", clock(total)));
        let failed: Vec<&str> = self.0.iter().filter(|step| step.failed).map(|step| step.name).collect();
        if failed.is_empty() { Ok(()) } else { Err(Failure::Steps(failed.join("; "))) }
    }
}

impl Step {
    fn line(&self) -> String {
        let outcome = if self.failed { "  FAILED" } else { "" };
        format!("{} {}{outcome}", clock(self.took), self.name)
    }
}

/// Minutes and seconds, aligned in a column.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{:>4}:{:02}", seconds / 60, seconds % 60)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a chore is timed by the machine's clock; nothing here pauses time"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_keeps_no_other_from_running_and_fails_the_run() {
        let mut steps = Steps::default();
        assert_eq!(steps.run("first", || Err::<(), _>(Failure::Interrupted)), None);
        assert_eq!(steps.run("second", || Ok(2)), Some(2));
        let outcome = steps.finish().map_err(|failure| failure.to_string());
        assert_eq!(outcome, Err("failed: first".to_owned()));
    }

    #[test]
    fn success_is_every_step_passed() {
        let mut steps = Steps::default();
        steps.run("only", || Ok(()));
        assert!(steps.finish().is_ok());
    }

    #[test]
    fn times_are_minutes_and_seconds() {
        assert_eq!(clock(Duration::from_millis(185_900)), "   3:05");
    }
}

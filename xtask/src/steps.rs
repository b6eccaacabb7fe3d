use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::shell::say;

/// The steps of one call of `cargo xtask`. Each runs even when an earlier one failed; all are listed at the end with their times.
#[derive(Debug)]
pub(crate) struct Steps {
    began: Instant,
    done: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    took: Duration,
    failed: bool,
    beside: bool,
}

/// A step that runs in parallel to the others, to be passed to [`Steps::join`].
#[must_use = "a step that is not joined is missing from the list, and its failure is lost"]
pub(crate) struct Beside<T> {
    name: &'static str,
    outcome: Receiver<(Option<T>, Duration)>,
}

impl Steps {
    /// Creates an empty list and starts its clock.
    pub(crate) fn new() -> Self {
        Self { began: now(), done: Vec::new() }
    }

    /// Starts a step in parallel to those that follow. For steps that mostly wait, or that use a separate target folder.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub(crate) fn start<T: Send + 'static>(
        name: &'static str,
        step: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<Beside<T>, Failure> {
        let (tell, outcome) = mpsc::channel();
        let run = move || {
            let began = now();
            let _gone = tell.send((attempt(name, step), began.elapsed()));
            // A server ends with the thread that started it (PR_SET_PDEATHSIG), so this thread lives as long as the process.
            loop {
                thread::park();
            }
        };
        let thread = thread::Builder::new().name(name.to_owned());
        thread.spawn(run).map(drop).map_err(Failure::io("start a thread"))?;
        Ok(Beside { name, outcome })
    }

    /// Waits for a parallel step and returns its value, or `None` when it failed.
    pub(crate) fn join<T>(&mut self, Beside { name, outcome }: Beside<T>) -> Option<T> {
        // A step that panics drops its sender.
        let (outcome, took) = outcome.recv().unwrap_or((None, Duration::ZERO));
        self.done.push(Step { name, took, failed: outcome.is_none(), beside: true });
        outcome
    }

    /// Runs a step and returns its value; prints the error and returns `None` when it failed.
    pub(crate) fn run<T>(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> Result<T, Failure>,
    ) -> Option<T> {
        let began = now();
        let outcome = attempt(name, step);
        self.done.push(Step { name, took: began.elapsed(), failed: outcome.is_none(), beside: false });
        outcome
    }

    /// Prints the table of steps.
    ///
    /// # Errors
    ///
    /// When a step failed.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        say("\n==> time per step");
        for step in &self.done {
            say(&step.line());
        }
        say(&format!("{} total", clock(self.began.elapsed())));
        let failed: Vec<&str> = self.done.iter().filter(|step| step.failed).map(|step| step.name).collect();
        if failed.is_empty() { Ok(()) } else { Err(Failure::Steps(failed.join("; "))) }
    }
}

impl Step {
    fn line(&self) -> String {
        let outcome = if self.failed { "  FAILED" } else { "" };
        let beside = if self.beside { " (in parallel)" } else { "" };
        format!("{} {}{beside}{outcome}", clock(self.took), self.name)
    }
}

/// Runs a step and prints the error when it fails.
fn attempt<T>(name: &str, step: impl FnOnce() -> Result<T, Failure>) -> Option<T> {
    say(&format!("==> step: {name}"));
    step().map_err(|failure| say(&format!("error: {name}: {failure}"))).ok()
}

/// Formats minutes and seconds, aligned in a column.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{:>4}:{:02}", seconds / 60, seconds % 60)
}

#[expect(
    clippy::disallowed_methods,
    reason = "steps are timed by the system clock; nothing here pauses time"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_does_not_prevent_the_others_and_fails_the_run() {
        let mut steps = Steps::new();
        assert_eq!(steps.run("first", || Err::<(), _>(Failure::Interrupted)), None);
        assert_eq!(steps.run("second", || Ok(2)), Some(2));
        let outcome = steps.finish().map_err(|failure| failure.to_string());
        assert_eq!(outcome, Err("failed: first".to_owned()));
    }

    #[test]
    fn a_failed_parallel_step_fails_the_run_too() {
        let mut steps = Steps::new();
        let failing = Steps::start("beside", || Err::<(), _>(Failure::Interrupted)).unwrap();
        let panicking = Steps::start("panicking", || -> Result<(), _> { panic!("it fell over") }).unwrap();
        let passing = Steps::start("passing", || Ok(3)).unwrap();
        assert_eq!((steps.join(failing), steps.join(panicking), steps.join(passing)), (None, None, Some(3)));
        let outcome = steps.finish().map_err(|failure| failure.to_string());
        assert_eq!(outcome, Err("failed: beside; panicking".to_owned()));
    }

    #[test]
    fn the_run_succeeds_when_every_step_passed() {
        let mut steps = Steps::new();
        steps.run("only", || Ok(()));
        assert!(steps.finish().is_ok());
    }

    #[test]
    fn times_are_minutes_and_seconds() {
        assert_eq!(clock(Duration::from_millis(185_900)), "   3:05");
    }
}

//! Output on stderr: the progress of a rehearsal, and errors.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use ebbtide_rehearse::seconds;
use ebbtide_rehearse::words;
use ebbtide_rehearse::{News, NotRehearsed, RunVerdict, Verdict};
use indicatif::{ProgressBar, ProgressStyle};

use super::paint::{DIM, FAIL, HINT};

/// Shows progress on stderr: on a terminal the stage with the time that is left, and below it the requests.
#[derive(Debug)]
pub(crate) struct Progress {
    line: Option<ProgressBar>,
    quiet: bool,
    run: String,
    /// What runs before the signal, while it does.
    hook: Option<String>,
}

impl Progress {
    /// Two changing lines where stderr is a terminal, plain lines elsewhere, nothing when `quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        let terminal = !quiet && std::io::stderr().is_terminal();
        let line = terminal.then(|| {
            let line = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}\n  {wide_msg}") {
                line.set_style(style);
            }
            line.enable_steady_tick(Duration::from_millis(120));
            line
        });
        Self { line, quiet, run: String::new(), hook: None }
    }

    /// Shows one progress event.
    pub(crate) fn show(&mut self, news: &News<'_>) {
        match news {
            News::Begins { run, of } => {
                self.hook = None;
                self.run = if *of > 1 { format!("run {run}/{of}: ") } else { String::new() };
                if let Some(line) = &self.line {
                    line.set_message("");
                }
                self.change("starting the service".into());
            }
            News::Ready { after } => self.step(&format!("ready after {}; loading", words::time(*after))),
            News::Loading { answered, in_flight, lost, refused, since_signal, left } => {
                let left = words::limit(Duration::from_secs(left.as_secs().saturating_add(1)));
                let (stage, next) = match since_signal {
                    Some(time) => (format!("stopping for {}", words::time(*time)), "SIGKILL"),
                    None => match &self.hook {
                        Some(hook) => (format!("running preStop: {hook}"), "signal"),
                        None => ("loading".into(), "signal"),
                    },
                };
                let [answered, in_flight, lost, refused] =
                    [answered, in_flight, lost, refused].map(|count| words::count(*count));
                self.change(format!("{stage}; {next} in {left}"));
                if let Some(line) = &self.line {
                    line.set_message(format!(
                        "{in_flight} in flight, {answered} answered, {refused} refused, {lost} lost"
                    ));
                }
            }
            News::PreStop { hook } => {
                self.step(&format!("running preStop: {hook}"));
                self.hook = Some(hook.clone());
            }
            News::Signalled { signal, grace } => {
                self.step(&format!("{signal} sent; grace period {}", words::limit(*grace)));
            }
            // The verdict on a single run follows immediately.
            News::Judged { of: 1, .. } => {}
            News::Judged { run, of, verdict, .. } => self.line(&judged(*run, *of, verdict)),
        }
    }

    /// Clears the changing lines.
    pub(crate) fn clear(&mut self) {
        if let Some(line) = self.line.take() {
            line.finish_and_clear();
        }
    }

    /// Shows a step of the run: a separate line if there is no terminal and only one run.
    fn step(&self, what: &str) {
        if self.line.is_some() {
            self.change(what.to_owned());
        } else if self.run.is_empty() {
            self.line(what);
        }
    }

    fn change(&self, what: String) {
        if let Some(line) = &self.line {
            line.set_prefix(format!("{}{what}", self.run));
        }
    }

    /// Prints a line that stays.
    fn line(&self, what: &str) {
        match &self.line {
            Some(line) => line.println(what),
            None if self.quiet => {}
            None => {
                // A closed stderr cannot be reported anywhere.
                let _gone = writeln!(anstream::stderr().lock(), "{what}");
            }
        }
    }
}

/// Prints an `error:` line, and a `hint:` line if there is a hint.
pub(crate) fn complain(what: &str, hint: Option<&str>) {
    let mut err = anstream::stderr().lock();
    // A closed stderr cannot be reported anywhere.
    let _gone = writeln!(err, "{FAIL}error{FAIL:#}: {what}");
    if let Some(hint) = hint {
        let _gone = writeln!(err, "{HINT}hint{HINT:#}: {hint}");
    }
}

/// Prints text as it is.
pub(crate) fn say(text: &str) {
    // A closed stderr cannot be reported anywhere.
    let _gone = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Prints a `note:` line.
pub(crate) fn note(what: &str) {
    // A closed stderr cannot be reported anywhere.
    let _gone = writeln!(anstream::stderr().lock(), "{HINT}note{HINT:#}: {what}");
}

/// Prints why a service could not be rehearsed, with the last lines of its output.
pub(crate) fn not_rehearsed(error: &NotRehearsed) {
    complain(&words::chain(error), error.hint());
    let mut err = anstream::stderr().lock();
    if !error.tail().is_empty() {
        let _gone = writeln!(err, "last output of the service:");
    }
    for line in error.tail() {
        let _gone = writeln!(err, "  {DIM}|{DIM:#} {line}");
    }
}

fn judged(run: u32, of: u32, verdict: &RunVerdict) -> String {
    let word = match verdict.verdict {
        Verdict::Pass => "pass",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Fail => "FAIL",
    };
    let (sent, refused) = (verdict.requests.sent, verdict.requests.refusals());
    let exit = verdict
        .exit
        .after_ms
        .map_or_else(String::new, |ms| format!(", exited after {}", words::time(seconds(ms / 1000.0))));
    let failed: Vec<&str> =
        verdict.checks.iter().filter(|check| check.sinks()).map(|check| check.id.name()).collect();
    let failed = if failed.is_empty() { String::new() } else { format!(" [{}]", failed.join(", ")) };
    format!(
        "run {run}/{of}: {word}, {} sent, {} refused, {} lost or wrong{exit}{failed}",
        words::count(sent),
        words::count(refused),
        words::count(verdict.lost_by_shutdown)
    )
}

//! Runs a rehearsal: one run after the other, with progress events.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Notify;

use super::child::adopt_orphans;
use super::janitor::Janitor;
use super::record::Record;
use super::run::{JudgedRun, run};
use super::scenario::Scenario;
use super::trouble::NotRehearsed;
use super::verdict::{Facts, RehearsalVerdict, RunVerdict, Terms, Verdict, conclude};

/// Rehearses `scenario` and returns the judgement. Calls `news` with each progress event. Stops early when `interrupted`.
///
/// # Errors
///
/// The service could not be rehearsed. An error is not a verdict on the service.
///
/// # Cancel safety
///
/// Dropping the future ends the service and every process that it started. What the service left on a broker stays there.
/// Notify `interrupted` instead to remove that as well.
pub async fn rehearse(
    scenario: &Scenario,
    interrupted: &Notify,
    news: &mut dyn FnMut(News<'_>),
) -> Result<RehearsalVerdict, NotRehearsed> {
    adopt_orphans();
    let files = make_room(scenario.load.sockets());
    let mut janitor = Janitor::start(scenario.janitor.as_deref());
    let mut runs = Vec::new();
    for number in 0..scenario.repeat {
        news(News::Begins { run: number + 1, of: scenario.repeat });
        let judged = run(scenario, number, files, interrupted, &mut janitor, news).await?;
        let JudgedRun { record, terms, verdict, facts } = judged;
        news(News::Judged {
            run: number + 1,
            of: scenario.repeat,
            record: &record,
            terms: &terms,
            verdict: &verdict,
            facts: &facts,
        });
        let failed = verdict.verdict == Verdict::Fail;
        runs.push((verdict, facts));
        if failed && scenario.until_failure {
            break;
        }
    }
    Ok(conclude(runs))
}

/// A progress event of a rehearsal.
#[derive(Debug)]
pub enum News<'a> {
    /// Run `run` of `of` begins.
    Begins {
        /// The number of the run, from 1.
        run: u32,
        /// The number of runs.
        of: u32,
    },
    /// The service is ready.
    Ready {
        /// The time that it took to become ready.
        after: Duration,
    },
    /// The load is running.
    Loading {
        /// Requests answered so far.
        answered: u64,
        /// Requests in flight now.
        in_flight: u64,
        /// Requests lost so far.
        lost: u64,
        /// Connections refused so far, and requests that the service declared unprocessed.
        refused: u64,
        /// The time since the signal; `None` before it is sent.
        since_signal: Option<Duration>,
        /// The time until the signal, or after it until SIGKILL.
        left: Duration,
    },
    /// What precedes the stop signal begins.
    PreStop {
        /// What runs: a sleep, or a command.
        hook: String,
    },
    /// The stop signal was sent.
    Signalled {
        /// The name of the signal.
        signal: String,
        /// The grace period.
        grace: Duration,
    },
    /// A run was judged.
    Judged {
        /// The number of the run, from 1.
        run: u32,
        /// The number of runs.
        of: u32,
        /// The record of the run.
        record: &'a Record,
        /// The terms by which it was judged.
        terms: &'a Terms,
        /// The judgement.
        verdict: &'a RunVerdict,
        /// What is not judged.
        facts: &'a Facts,
    },
}

/// Raises the limit on open files of this process for `sockets` clients, as far as the system permits. Returns the
/// original limit, which the service gets.
fn make_room(sockets: u64) -> Rlimit {
    let given = getrlimit(Resource::Nofile);
    let wanted = sockets.saturating_mul(2).saturating_add(256);
    let Some(current) = given.current else { return given };
    if current < wanted {
        let raised = given.maximum.map_or(wanted, |most| most.min(wanted)).max(current);
        // A limit that is too low shows in the record as a client-side error, with the kernel's message.
        let _kept_as_it_was = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..given });
    }
    given
}

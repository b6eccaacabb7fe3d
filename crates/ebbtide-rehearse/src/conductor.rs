//! All runs of a rehearsal, one after the other, and what is told on the way.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Notify;

use super::child::adopt_orphans;
use super::janitor::Janitor;
use super::record::Record;
use super::run::run;
use super::scenario::Scenario;
use super::trouble::NotRehearsed;
use super::verdict::{Rehearsal, RunVerdict, conclude};

/// Rehearses `scenario` and judges it, telling `news` on the way, unless it is `interrupted`.
///
/// # Errors
///
/// The service could not be rehearsed: that is no verdict on it.
///
/// # Cancel safety
///
/// Dropping the future ends the service and whatever it started. What the service left on a broker stays there; interrupt
/// it instead, and that is removed.
pub async fn rehearse(
    scenario: &Scenario,
    interrupted: &Notify,
    news: &mut dyn FnMut(News<'_>),
) -> Result<Rehearsal, NotRehearsed> {
    adopt_orphans();
    let files = make_room(scenario.load.sockets());
    let mut janitor = Janitor::start(scenario.janitor.as_deref());
    let mut runs = Vec::new();
    for number in 0..scenario.repeat {
        news(News::Begins { run: number + 1, of: scenario.repeat });
        let (record, verdict, facts) = run(scenario, number, files, interrupted, &mut janitor, news).await?;
        news(News::Judged { run: number + 1, of: scenario.repeat, record: &record, verdict: &verdict });
        runs.push((verdict, facts));
    }
    Ok(conclude(runs))
}

/// One piece of news. Whoever shows it decides how much of it to show.
#[derive(Debug)]
pub enum News<'a> {
    /// Run `run` of `of` begins.
    Begins {
        /// The run's number, from 1.
        run: u32,
        /// How many there are.
        of: u32,
    },
    /// The service is ready.
    Ready {
        /// How long it took.
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
        /// Time since the signal, once it was sent.
        since_signal: Option<Duration>,
    },
    /// The stop signal was sent.
    Signalled {
        /// Its name.
        signal: String,
        /// The grace period.
        grace: Duration,
    },
    /// A run was judged.
    Judged {
        /// The run's number, from 1.
        run: u32,
        /// How many there are.
        of: u32,
        /// What was seen.
        record: &'a Record,
        /// The judgement.
        verdict: &'a RunVerdict,
    },
}

/// Raises our limit on open files so that `sockets` clients fit, as far as the system lets us; returns the limit that
/// the service is to have, which is the one we were given.
fn make_room(sockets: u64) -> Rlimit {
    let given = getrlimit(Resource::Nofile);
    let wanted = sockets.saturating_mul(2).saturating_add(256);
    let Some(current) = given.current else { return given };
    if current < wanted {
        let raised = given.maximum.map_or(wanted, |most| most.min(wanted)).max(current);
        // Not having it shows as trouble on our side, with the kernel's words, in the record.
        let _kept_as_it_was = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..given });
    }
    given
}

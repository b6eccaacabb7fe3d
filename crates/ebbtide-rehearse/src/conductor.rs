//! All runs of a rehearsal, one after the other.

use tokio::sync::Notify;

use super::child::adopt_orphans;
use super::janitor::Janitor;
use super::limits::make_room;
use super::news::News;
use super::run::run;
use super::scenario::Scenario;
use super::trouble::NotRehearsed;
use super::verdict::{Rehearsal, conclude};

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

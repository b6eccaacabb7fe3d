//! From the exit of the service to the whole record.

use std::time::Duration;

use tokio::time::sleep;

use super::child::{Service, end_family, signal_state, survivors};
use super::load::Load;
use super::place::Place;
use super::probe::{DatabaseProbe, ReadinessProbe, report};
use super::record::Record;
use super::trouble::NotRehearsed;
use crate::clock::Clock;

/// How long the load and the probes go on after the exit: the last refusals are seen, and helpers of the service that
/// are just going have gone.
const GOES_ON: Duration = Duration::from_millis(100);

/// What watched the run.
pub(super) struct Watchers {
    pub(super) load: Load,
    pub(super) readiness: Option<ReadinessProbe>,
    pub(super) database: Option<DatabaseProbe>,
}

/// Completes `record` after the service has ended.
pub(super) async fn collect(
    record: &mut Record,
    service: &Service,
    place: &Place,
    watchers: Watchers,
    clock: Clock,
) -> Result<(), NotRehearsed> {
    sleep(GOES_ON).await;
    record.orphans = survivors(service.pid());
    record.cleaned_up = (!record.orphans.is_empty()).then(|| clock.now());
    end_family(service.pid());
    record.traffic = watchers.load.stop().await.ok_or(NotRehearsed::Load)?;
    if let Some(readiness) = watchers.readiness {
        record.readiness = readiness.stop().await;
    }
    if let (Some(database), Some((exit, _))) = (watchers.database, record.exit) {
        record.database = Some(database.stop(exit).await);
    }
    if let Some(kept) = &place.store {
        let acknowledged: Vec<Box<str>> =
            record.traffic.requests.iter().filter_map(|request| request.order.clone()).collect();
        record.store = Some(kept.look(&acknowledged).await);
    }
    record.report = report(&place.report());
    Ok(())
}

/// Notes what the process means to do with the signal.
pub(super) async fn note_signal_state(
    record: &mut Record,
    service: &Service,
    signal: rustix::process::Signal,
) {
    record.signal_state = signal_state(service.pid(), signal).await;
}

use std::pin::pin;
use std::time::Duration;

use ebbtide::drain::Stop;
use ebbtide::queue::Delivery;
use tokio::sync::Notify;

use super::job::JobLease;

/// Long enough that a job stays ours while the database is away for a short time: it is extended every ten seconds, and
/// two of these may fail. Short enough that what a killed consumer held is run again within half a minute.
pub(crate) const DEFAULT_LEASE: Duration = Duration::from_secs(30);

/// A lease that is shorter is over before a busy machine has extended it, and a pause that is shorter keeps one busy.
pub(crate) const SHORTEST: Duration = Duration::from_millis(10);

/// How one database gives out jobs.
pub(crate) trait Leasing: Sync {
    type Error: Send;

    /// Leases up to `max` jobs that are due. `None` when `stop` came before it had begun.
    fn lease(
        &self,
        max: usize,
        stop: &Stop,
    ) -> impl Future<Output = Result<Option<Vec<Delivery<JobLease>>>, Self::Error>> + Send;

    /// Returns how long until a job is due, zero when one is; `None` when there is none. Takes no lock, and may be dropped.
    fn due_in(&self) -> impl Future<Output = Result<Option<Duration>, Self::Error>> + Send;
}

/// Waits until jobs can be leased, and leases them.
///
/// Between two looks it waits for `wake`, for the next job to become due, or for `poll` to pass, and only this waiting
/// ends with `stop`: a statement that may have leased something is waited for.
pub(crate) async fn fetch<L: Leasing>(
    leasing: &L,
    wake: &Notify,
    poll: Duration,
    max: usize,
    stop: &Stop,
) -> Result<Vec<Delivery<JobLease>>, L::Error> {
    loop {
        // Before the look, so that what is pushed behind it is not missed.
        let mut woken = pin!(wake.notified());
        match leasing.lease(max, stop).await? {
            None => return Ok(Vec::new()),
            Some(leased) if !leased.is_empty() => return Ok(leased),
            Some(_) => {}
        }
        let Some(due) = stop.unless_stopping(leasing.due_in()).await else { return Ok(Vec::new()) };
        // What is due and was not leased is in the hands of somebody who leases or settles it at this moment.
        let mut pause = due?.unwrap_or(poll).clamp(SHORTEST, poll.max(SHORTEST));
        loop {
            tokio::select! {
                biased;
                () = stop.stopping() => return Ok(Vec::new()),
                () = &mut woken => break,
                () = tokio::time::sleep(pause) => {}
            }
            let Some(due) = stop.unless_stopping(leasing.due_in()).await else { return Ok(Vec::new()) };
            pause = due?.unwrap_or(poll).min(poll.max(SHORTEST));
            if pause.is_zero() {
                break;
            }
        }
    }
}

use std::pin::pin;
use std::time::Duration;

use ebbtide::drain::Stop;
use ebbtide::queue::Delivery;
use tokio::sync::Notify;

use super::job::JobLease;

/// Long enough that a job stays leased while the database is unavailable for a short time: the lease is renewed every
/// ten seconds, and two renewals may fail. Short enough that the jobs of a killed consumer run again within half a
/// minute.
pub(crate) const DEFAULT_LEASE: Duration = Duration::from_secs(30);

/// A shorter lease expires before a busy machine renews it. A shorter polling interval keeps a machine busy.
pub(crate) const SHORTEST: Duration = Duration::from_millis(10);

/// Leases jobs from one kind of database.
pub(crate) trait Leasing: Sync {
    type Error: Send;

    /// Leases up to `max` due jobs. Returns `None` if `stop` was signalled before it began.
    fn lease(
        &self,
        max: usize,
        stop: &Stop,
    ) -> impl Future<Output = Result<Option<Vec<Delivery<JobLease>>>, Self::Error>> + Send;

    /// Returns how long until the next job is due: zero if one is due, `None` if there is none. Takes no lock, and
    /// may be dropped.
    fn due_in(&self) -> impl Future<Output = Result<Option<Duration>, Self::Error>> + Send;
}

/// Waits until jobs can be leased, and leases them.
///
/// Between two polls it waits for `wake`, for the next job to become due, or for `poll` to pass. Only this waiting
/// ends with `stop`: a statement that may have leased a job runs to its end.
pub(crate) async fn fetch<L: Leasing>(
    leasing: &L,
    wake: &Notify,
    poll: Duration,
    max: usize,
    stop: &Stop,
) -> Result<Vec<Delivery<JobLease>>, L::Error> {
    loop {
        // Before the query, so that a push after it is not missed.
        let mut woken = pin!(wake.notified());
        match leasing.lease(max, stop).await? {
            None => return Ok(Vec::new()),
            Some(leased) if !leased.is_empty() => return Ok(leased),
            Some(_) => {}
        }
        let Some(due) = stop.unless_stopping(leasing.due_in()).await else { return Ok(Vec::new()) };
        // A job that is due and was not leased is locked by another transaction that leases or settles it.
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

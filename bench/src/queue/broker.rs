use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::drain::StopSource;
use ebbtide::model::Cause;
use ebbtide::queue::{Consumer, Queue};

use super::work::Work;
use crate::measure::now;

/// A queue of its own, with jobs in it that have an empty payload.
pub(super) trait Broker: Sized + Send + Sync + 'static {
    /// Its adapter.
    type Queue: Queue;

    /// Makes a queue that nobody else has, with so many jobs in it.
    fn filled(jobs: u32) -> impl Future<Output = Result<Self, BoxError>> + Send;

    /// Returns the adapter.
    fn queue(&self) -> Self::Queue;

    /// Works it off with the client crate alone, until all jobs have run and are acknowledged.
    fn by_hand(
        &self,
        work: &Work,
        places: usize,
        confirmed: Confirmed,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Returns how many jobs it holds, given out or not.
    fn left(&self) -> impl Future<Output = Result<u64, BoxError>> + Send;

    /// Takes it away.
    fn remove(self) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// Whether whoever acknowledges waits until the broker has dealt with it, where that is a choice: we do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirmed {
    Yes,
    No,
}

/// Returns the address of a server, as for the tests.
pub(super) fn server(variable: &str, local: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| local.to_owned())
}

/// Returns a name for a queue that nobody else has.
pub(super) fn own_name() -> String {
    format!("ebbtide-bench-{}-{:08x}", std::process::id(), fastrand::u32(..))
}

/// Works a queue off with the consumer loop, and returns how long it took until all jobs had run and were acknowledged.
pub(super) async fn by_the_loop(queue: impl Queue, work: &Work, places: usize) -> Result<Duration, BoxError> {
    let (run, jobs) = (work.clone(), u64::try_from(work.left())?);
    let consumer = Consumer::new("bench", queue, places, move |_job, _stop| {
        run.run();
        std::future::ready(Ok(()))
    });
    let books = consumer.work();
    let source = StopSource::with_clock(now);
    let began = now();
    let stop = async {
        work.done().await;
        // The last few are being acknowledged; what the stop takes belongs to another comparison.
        while books.finished() < jobs {
            tokio::task::yield_now().await;
        }
        let took = began.elapsed();
        source.stop(Cause::Requested { reason: "every job has run".to_owned() }, None);
        took
    };
    let (tally, took) = tokio::join!(consumer.run(source.token()), stop);
    if tally.acked == jobs { Ok(took) } else { Err(format!("not every job is done: {tally:?}").into()) }
}

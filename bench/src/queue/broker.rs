//! A queue with jobs, and two ways to empty it: with the consumer loop, and with the client crate alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::drain::StopSource;
use ebbtide::model::Cause;
use ebbtide::queue::{Consumer, Queue};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::measure::now;

/// A queue with jobs whose payload is empty. Each instance uses a separate queue.
pub(super) trait Broker: Sized + Send + Sync + 'static {
    /// Its queue adapter.
    type Queue: Queue;

    /// Creates a queue with a unique name and `jobs` jobs.
    fn filled(jobs: u32) -> impl Future<Output = Result<Self, BoxError>> + Send;

    /// Returns the adapter.
    fn queue(&self) -> Self::Queue;

    /// Empties it with the client crate alone, until all jobs have run and are acknowledged.
    fn hand_written(
        &self,
        work: &Work,
        places: usize,
        confirmed: Confirmed,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Returns how many jobs it holds, whether or not they are delivered.
    fn left(&self) -> impl Future<Output = Result<u64, BoxError>> + Send;

    /// Removes it.
    fn remove(self) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// Whether an acknowledgement waits for the broker's confirmation, where that is a choice. Ebbtide waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirmed {
    Yes,
    No,
}

/// A client crate without the consumer loop, used carefully enough to give the same guarantees.
///
/// The program is the same for all crates: it fetches as many jobs as it has room for, runs each in a separate task, and
/// acknowledges it there. A slot becomes free when the broker has confirmed the acknowledgement, as in Ebbtide.
pub(super) trait PlainClient: Clone + Send + Sync + 'static {
    /// A fetched job.
    type Job: Send + 'static;

    /// Waits for jobs and returns 1 to `max` of them.
    fn take(&mut self, max: usize) -> impl Future<Output = Result<Vec<Self::Job>, BoxError>> + Send;

    /// Acknowledges a job.
    fn ack(self, job: Self::Job) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Empties the queue.
    fn empty_the_queue(
        mut self,
        work: &Work,
        places: usize,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        async move {
            let (mut running, mut untaken) = (JoinSet::new(), work.left());
            while untaken > 0 {
                make_room(&mut running, places).await?;
                let taken = self.take(untaken.min(places - running.len())).await?;
                untaken -= taken.len();
                for job in taken {
                    running.spawn(one(self.clone(), job, work.clone()));
                }
            }
            while let Some(ended) = running.join_next().await {
                ended??;
            }
            Ok(())
        }
    }
}

/// The handler, which only counts. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Work(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    left: AtomicU64,
    done: Notify,
}

impl Work {
    pub(super) fn of(jobs: u32) -> Self {
        Self(Arc::new(Counted { left: AtomicU64::new(u64::from(jobs)), done: Notify::new() }))
    }

    /// Runs a job.
    pub(super) fn run(&self) {
        if self.0.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.done.notify_one();
        }
    }

    /// Waits until every job has run. Only one task may wait.
    pub(super) async fn done(&self) {
        self.0.done.notified().await;
    }

    /// Returns how many jobs have not run.
    pub(super) fn left(&self) -> usize {
        usize::try_from(self.0.left.load(Ordering::Acquire)).unwrap_or(usize::MAX)
    }
}

/// Returns the URL of a server, from the same variable as in the tests.
pub(super) fn server(variable: &str, local: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| local.to_owned())
}

/// Returns a unique queue name.
pub(super) fn own_name() -> String {
    format!("ebbtide-bench-{}-{:08x}", std::process::id(), fastrand::u32(..))
}

/// Empties a queue with the consumer loop. Returns the time until all jobs had run and were acknowledged.
pub(super) async fn with_consumer_loop(
    queue: impl Queue,
    work: &Work,
    places: usize,
) -> Result<Duration, BoxError> {
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
        // The last jobs are still being acknowledged. The duration of the shutdown is not measured here.
        while books.finished() < jobs {
            tokio::task::yield_now().await;
        }
        let took = began.elapsed();
        source.stop(Cause::Requested { reason: "every job has run".to_owned() }, None);
        took
    };
    let (tally, took) = tokio::join!(consumer.run(source.token()), stop);
    if tally.acked == jobs { Ok(took) } else { Err(format!("not all jobs acknowledged: {tally:?}").into()) }
}

async fn one<H: PlainClient>(hand: H, job: H::Job, work: Work) -> Result<(), BoxError> {
    work.run();
    hand.ack(job).await
}

/// Waits for a free slot, and collects the other tasks that have ended.
async fn make_room(running: &mut JoinSet<Result<(), BoxError>>, places: usize) -> Result<(), BoxError> {
    if running.len() >= places
        && let Some(ended) = running.join_next().await
    {
        ended??;
    }
    while let Some(ended) = running.try_join_next() {
        ended??;
    }
    Ok(())
}

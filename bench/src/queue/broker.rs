//! A queue with jobs in it, and the two ways to work it off: by the loop, and by hand.

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

/// A client crate, used as a careful user would who wants what the loop promises, and has no loop.
///
/// The program is the same for all of them: it asks for as many jobs as it has room for, runs each in a task of its own,
/// and acknowledges each there. A job's place is free when the broker has confirmed that, as it is with us.
pub(super) trait ByHand: Clone + Send + Sync + 'static {
    /// What was taken.
    type Job: Send + 'static;

    /// Waits for jobs and returns up to `max` of them, at least one.
    fn take(&mut self, max: usize) -> impl Future<Output = Result<Vec<Self::Job>, BoxError>> + Send;

    /// Acknowledges a job.
    fn ack(self, job: Self::Job) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Works the queue off.
    fn work_off(mut self, work: &Work, places: usize) -> impl Future<Output = Result<(), BoxError>> + Send {
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

/// What the handlers do: nothing, but count. Cheap to clone.
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

    /// Waits until every job has run; for one caller.
    pub(super) async fn done(&self) {
        self.0.done.notified().await;
    }

    /// Returns how many have not run.
    pub(super) fn left(&self) -> usize {
        usize::try_from(self.0.left.load(Ordering::Acquire)).unwrap_or(usize::MAX)
    }
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

async fn one<H: ByHand>(hand: H, job: H::Job, work: Work) -> Result<(), BoxError> {
    work.run();
    hand.ack(job).await
}

/// Waits until there is a free place, and takes along whatever else has ended.
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

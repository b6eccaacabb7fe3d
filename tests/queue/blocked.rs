//! Handlers that block what renewals need: every thread of the runtime, or every connection of the pool.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use ebbtide::drain::{Stop, StopSource};
use ebbtide::queue::{Consumer, Delivery, Job, Queue, Settled, Settlement, Tally};
use ebbtide::{BoxError, model::Cause};
use tokio::runtime::{Builder, Runtime};
use tracing::instrument::WithSubscriber as _;

use crate::lines::Lines;

/// The lease of all queues in these tests.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// Long enough for the leases to expire and for another consumer to notice.
const BLOCKED: Duration = Duration::from_secs(10);

const PATIENCE: Duration = Duration::from_secs(60);

/// The outcome of two jobs of one consumer with blocking handlers, while another consumer uses the same queue.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) first: Tally,
    /// The jobs that the other consumer ran.
    pub(crate) again: Vec<String>,
    pub(crate) lines: Vec<String>,
}

impl Outcome {
    #[track_caller]
    pub(crate) fn each_job_ran_once(&self) {
        assert_eq!((self.first.acked, self.first.lost, self.again.len()), (2, 0, 0), "{self:#?}");
    }

    #[track_caller]
    pub(crate) fn both_jobs_ran_twice(&self) {
        assert_eq!((self.first.acked, self.first.lost, self.again.len()), (0, 2, 2), "{self:#?}");
    }

    pub(crate) fn said(&self, what: &str) -> bool {
        self.lines.iter().any(|line| line.contains(what))
    }
}

/// Blocks the current thread.
pub(crate) async fn block_the_thread() {
    thread::sleep(BLOCKED);
}

/// Holds a value for the same time.
pub(crate) async fn keep<T>(kept: T) {
    tokio::time::sleep(BLOCKED).await;
    drop(kept);
}

/// Returns a runtime with one thread for each job.
pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs the two queued jobs until both have ended. `other` is opened on a separate runtime when both have begun.
pub(crate) fn beside_another<A, B, H, Fut>(
    runtime: &Runtime,
    first: A,
    handler: H,
    other: impl AsyncFnOnce() -> B + Send,
) -> Outcome
where
    A: Queue,
    B: Queue,
    H: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let ((begins, begun), (ends, ended)) = (mpsc::channel(), mpsc::channel());
    let handler = Arc::new(handler);
    let consumer = Consumer::new("first", first, 2, move |_: Job, _stop| {
        let (begins, ends, handler) = (begins.clone(), ends.clone(), Arc::clone(&handler));
        async move {
            begins.send(()).unwrap();
            handler().await;
            ends.send(()).unwrap();
            Ok(())
        }
    });
    let (first_stop, other_stop) = (crate::support::source(), crate::support::source());
    let (lines, subscriber) = Lines::subscriber();
    let running = runtime.spawn(consumer.run(first_stop.token()).with_subscriber(subscriber));
    for _ in 0..2 {
        begun.recv_timeout(PATIENCE).unwrap();
    }
    let token = other_stop.token();
    let (ran, again) = mpsc::channel();
    let first = thread::scope(|scope| {
        let other = scope.spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let handler = move |job: Job, _stop| {
                    let said = ran.send(job.id().to_owned());
                    async move { Ok(said?) }
                };
                Consumer::new("other", other().await, 2, handler).run(token).await
            })
        });
        for _ in 0..2 {
            ended.recv_timeout(PATIENCE).unwrap();
        }
        stop(&first_stop);
        let first = runtime.block_on(running).unwrap();
        stop(&other_stop);
        other.join().unwrap();
        first
    });
    Outcome { first, again: again.try_iter().collect(), lines: lines.said() }
}

fn stop(source: &StopSource) {
    source.stop(Cause::Signal { number: 15 }, None);
}

/// A queue with one mechanism disabled.
pub(crate) struct Without<Q, B> {
    pub(crate) queue: Q,
    /// Runs before each renewal.
    pub(crate) before: B,
}

impl<Q, B, Fut> Queue for Without<Q, B>
where
    Q: Queue,
    B: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send,
{
    type Receipt = Q::Receipt;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<Q::Receipt>>, BoxError> {
        self.queue.fetch(max, stop).await
    }

    async fn settle(&self, receipt: &Q::Receipt, settlement: Settlement) -> Result<Settled, BoxError> {
        self.queue.settle(receipt, settlement).await
    }

    fn lease(&self) -> Option<Duration> {
        self.queue.lease()
    }

    async fn extend(&self, receipts: &[Q::Receipt]) -> Result<(), BoxError> {
        (self.before)().await?;
        self.queue.extend(receipts).await
    }

    async fn withdraw(&self) -> Result<Vec<Delivery<Q::Receipt>>, BoxError> {
        self.queue.withdraw().await
    }

    async fn close(&self) -> Result<(), BoxError> {
        self.queue.close().await
    }
}

/// Returns the queue with its renewals on the consumer's runtime.
pub(crate) fn without_a_thread<Q: Queue>(queue: Q) -> impl Queue {
    Without { queue, before: async || Ok(()) }
}

/// Defines a broker's tests of handlers that block every thread. Each opens its queues with the given expressions.
macro_rules! blocked_threads {
    ($place:expr, $open:expr, $push:expr) => {
        #[test]
        fn handlers_that_block_every_thread_do_not_end_leases() {
            let runtime = crate::blocked::runtime();
            let place = runtime.block_on(async { $place });
            let first = runtime.block_on(async {
                let queue = ($open)(&place).await;
                ($push)(&queue).await;
                queue
            });
            let other = async || ($open)(&place).await;
            let handler = crate::blocked::block_the_thread;
            crate::blocked::beside_another(&runtime, first, handler, other).each_job_ran_once();
        }

        /// The opposite: renewals on the blocked runtime. The log shows the reason before the jobs run again.
        #[test]
        fn renewals_on_a_blocked_runtime_are_late_and_the_log_says_why() {
            let runtime = crate::blocked::runtime();
            let place = runtime.block_on(async { $place });
            let first = runtime.block_on(async {
                let queue = ($open)(&place).await;
                ($push)(&queue).await;
                queue
            });
            let first = crate::blocked::without_a_thread(first);
            let other = async || ($open)(&place).await;
            let handler = crate::blocked::block_the_thread;
            let outcome = crate::blocked::beside_another(&runtime, first, handler, other);
            outcome.both_jobs_ran_twice();
            assert!(outcome.said("lease renewal is late: the runtime is blocked"), "{outcome:#?}");
        }
    };
}

/// Defines the same tests for handlers that use every connection of a pool that they share with the queue.
macro_rules! held_pool {
    ($place:expr, $pool:expr, $queue:expr) => {
        #[test]
        fn handlers_that_use_every_connection_do_not_end_leases() {
            let runtime = crate::blocked::runtime();
            let place = runtime.block_on(async { $place });
            let pool = runtime.block_on(async { ($pool)(&place).await });
            let first = ($queue)(pool.clone());
            runtime.block_on(async {
                first.create().await.unwrap();
                crate::blocked::push(&first).await
            });
            let other = async || ($queue)(($pool)(&place).await);
            let handler = move || {
                let pool = pool.clone();
                async move { crate::blocked::keep(pool.acquire().await.unwrap()).await }
            };
            crate::blocked::beside_another(&runtime, first, handler, other).each_job_ran_once();
        }

        /// The opposite: renewals that need a connection of the pool.
        #[test]
        fn renewals_over_a_pool_exhausted_by_handlers_are_too_late() {
            let runtime = crate::blocked::runtime();
            let place = runtime.block_on(async { $place });
            let pool = runtime.block_on(async { ($pool)(&place).await });
            let first = ($queue)(pool.clone());
            runtime.block_on(async {
                first.create().await.unwrap();
                crate::blocked::push(&first).await
            });
            let waits = pool.clone();
            let before = move || {
                let pool = waits.clone();
                async move { Ok(drop(pool.acquire().await?)) }
            };
            let first = crate::blocked::Without { queue: first, before };
            let other = async || ($queue)(($pool)(&place).await);
            let handler = move || {
                let pool = pool.clone();
                async move { crate::blocked::keep(pool.acquire().await.unwrap()).await }
            };
            crate::blocked::beside_another(&runtime, first, handler, other).both_jobs_ran_twice();
        }

        #[test]
        fn a_pool_that_the_handlers_can_use_up_is_reported_at_registration() {
            let runtime = crate::blocked::runtime();
            let place = runtime.block_on(async { $place });
            let pool = runtime.block_on(async { ($pool)(&place).await });
            let warned = |concurrency| {
                ebbtide::queue::Queue::limitation(&($queue)(pool.clone()), concurrency).is_some()
            };
            assert_eq!([1, 2, 3].map(warned), [false, true, true], "the pool has two connections");
            let lines = crate::lines::Lines::of(|| {
                let handler = async |_: ebbtide::queue::Job, _stop| Ok(());
                drop(ebbtide::queue::Consumer::new("jobs", ($queue)(pool.clone()), 2, handler));
            });
            assert!(lines.iter().any(|line| line.contains("pool of 2 for 2 concurrent jobs")), "{lines:#?}");
        }
    };
}

pub(crate) use {blocked_threads, held_pool};

/// Pushes two jobs.
pub(crate) async fn push<Q: crate::table::Rows>(queue: &Q) {
    for job in ["one", "two"] {
        queue.pushed(job).await;
    }
}

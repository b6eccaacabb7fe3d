use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::promise::{Broken, Promise, Verdict, Why};
use super::subject::{Subject, SubjectCounts};
use crate::drain::{Stop, StopSource};
use crate::model::{Cause, part};
use crate::queue::{Delivery, Queue, Settled, Settlement};
use crate::util::{BoxError, chain, clock};

/// The delivery type of a subject's queue.
pub(super) type DeliveryOf<S> = Delivery<<<S as Subject>::Queue as Queue>::Receipt>;

/// The lease of the tests that wait for its expiry.
const SHORT: Duration = Duration::from_secs(1);

/// The lease of the tests that detect a wait for its expiry: it does not expire during a test, even on a slow machine.
const LASTING: Duration = Duration::from_secs(600);

/// How long the suite waits for an expected event, in addition to the lease: far longer than needed, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// The limit for what must happen "at once": less than the five seconds at which clients often poll.
const AT_ONCE: Duration = Duration::from_secs(2);

/// How long no job may be delivered if there is no lease to wait for.
const QUIET: Duration = Duration::from_millis(500);

/// The polling interval.
const STEP: Duration = Duration::from_millis(20);

/// A subject during the test of one promise. Each step has a limit, and its error names the promise.
pub(super) struct Bench<'a, S> {
    subject: &'a S,
    promise: Promise,
    lease: Duration,
    /// When the lease of a delivery may expire, by id and attempt: measured from the start of the call that began the lease.
    held: Mutex<BTreeMap<(String, u32), Instant>>,
}

impl<'a, S: Subject> Bench<'a, S> {
    /// Creates a bench with short leases.
    pub(super) fn new(subject: &'a S, promise: Promise) -> Self {
        Self { subject, promise, lease: SHORT, held: Mutex::default() }
    }

    /// Creates a bench with leases that do not expire: a job that a consumer leaves leased is not redelivered, and the test
    /// detects that it is missing.
    pub(super) fn lasting(subject: &'a S, promise: Promise) -> Self {
        Self { subject, promise, lease: LASTING, held: Mutex::default() }
    }

    pub(super) async fn open(&self) -> Result<S::Queue, Broken> {
        let queue = self.does("open a consumer", PATIENCE, self.subject.open(self.lease)).await?;
        match queue.lease() {
            Some(lease) if lease < self.lease => {
                Err(self.broken(format!("requested a lease of {:?}, got {lease:?}", self.lease)))
            }
            _ => Ok(queue),
        }
    }

    pub(super) async fn push(&self, payload: &[u8]) -> Result<(), Broken> {
        self.does("push a job", PATIENCE, self.subject.push(payload)).await
    }

    /// Pushes the numbers of a range, as text.
    pub(super) async fn push_all(&self, numbers: std::ops::Range<u32>) -> Result<(), Broken> {
        for number in numbers {
            self.push(number.to_string().as_bytes()).await?;
        }
        Ok(())
    }

    /// Fetches until there are `count` deliveries, in any number of fetches.
    pub(super) async fn take(&self, queue: &S::Queue, count: usize) -> Result<Vec<DeliveryOf<S>>, Broken> {
        self.take_within(queue, count, self.patience(queue)).await
    }

    /// Fetches one job that must be available.
    pub(super) async fn take_at_once(&self, queue: &S::Queue) -> Result<DeliveryOf<S>, Broken> {
        let mut taken = self.take_within(queue, 1, AT_ONCE).await?;
        taken.pop().ok_or_else(|| self.broken("a fetch of one job returned none".to_owned()))
    }

    pub(super) async fn take_one(&self, queue: &S::Queue) -> Result<DeliveryOf<S>, Broken> {
        let mut taken = self.take(queue, 1).await?;
        taken.pop().ok_or_else(|| self.broken("a fetch of one job returned none".to_owned()))
    }

    /// Fetches jobs that no consumer has tried: their consumers requeued them, which counts no attempt if the subject counts
    /// requeues.
    pub(super) async fn take_first_attempts(&self, queue: &S::Queue) -> Result<Vec<DeliveryOf<S>>, Broken> {
        let taken = self.take(queue, 1).await?;
        match taken.iter().find(|delivery| self.subject.counts_requeues() && delivery.attempt != 1) {
            Some(tried) => Err(self.broken(format!("expected the first attempt: {}", describe(tried)))),
            None => Ok(taken),
        }
    }

    async fn take_within(
        &self,
        queue: &S::Queue,
        count: usize,
        limit: Duration,
    ) -> Result<Vec<DeliveryOf<S>>, Broken> {
        let never = Stop::never();
        let mut taken = Vec::new();
        let taking = async {
            while taken.len() < count {
                let asked = clock::now();
                let more = queue.fetch(count - taken.len(), &never).await?;
                self.holds(queue, asked, &more);
                if more.is_empty() {
                    // Another promise forbids an empty result; here the loop only must not spin.
                    sleep(STEP).await;
                }
                taken.extend(more);
            }
            Ok(())
        };
        self.does("fetch the queued jobs", limit, taking).await?;
        Ok(taken)
    }

    /// Extends the leases of deliveries of this consumer, one of which may be settled already.
    pub(super) async fn extend(&self, queue: &S::Queue, held: &[DeliveryOf<S>]) -> Result<(), Broken> {
        let receipts: Vec<_> = held.iter().map(|delivery| delivery.receipt.clone()).collect();
        let asked = clock::now();
        match timeout(AT_ONCE, queue.extend(&receipts)).await {
            Ok(Ok(())) => self.holds(queue, asked, held),
            Ok(Err(source)) => {
                let late = held.iter().find_map(|delivery| self.late(&delivery.id));
                return Err(match late {
                    Some(late) => {
                        self.too_slow(format!("extending the leases failed: {}", chain(&*source)), late)
                    }
                    None => self.failed("extend the leases", source),
                });
            }
            Err(_) => return Err(self.too_long("extend the leases", AT_ONCE)),
        }
        Ok(())
    }

    fn holds(&self, queue: &S::Queue, asked: Instant, deliveries: &[DeliveryOf<S>]) {
        let Some(end) = queue.lease().and_then(|lease| asked.checked_add(lease)) else { return };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.extend(deliveries.iter().map(|delivery| ((delivery.id.clone(), delivery.attempt), end)));
    }

    /// Returns how long ago the lease of a job may have expired, for its last attempt; `None` if it has not.
    fn late(&self, id: &str) -> Option<Duration> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, end) = held.range((id.to_owned(), 0)..=(id.to_owned(), u32::MAX)).next_back()?;
        clock::now().checked_duration_since(*end)
    }

    /// A violation for a delivery of this consumer, or a slow machine if its lease may have expired.
    fn broken_of(&self, id: &str, seen: String) -> Broken {
        match self.late(id) {
            Some(late) => self.too_slow(seen, late),
            None => self.broken(seen),
        }
    }

    fn too_slow(&self, seen: String, late: Duration) -> Broken {
        Broken { promise: self.promise, why: Why::Inconclusive { seen, late } }
    }

    /// Checks that nothing is delivered within `time`.
    pub(super) async fn check_nothing_delivered(
        &self,
        queue: &S::Queue,
        time: Duration,
    ) -> Result<(), Broken> {
        let source = StopSource::with_clock(clock::now);
        let stop = source.token();
        let mut fetch = pin!(queue.fetch(1, &stop));
        let early = timeout(time, fetch.as_mut()).await;
        let got = match early {
            Ok(got) => Some(got),
            Err(_) => {
                source.stop(suite_stop_cause(), None);
                // Another promise covers that the fetch ends with the stop.
                timeout(AT_ONCE, fetch).await.ok()
            }
        };
        match got {
            Some(Ok(got)) => match got.first() {
                Some(one) => Err(self.broken_of(&one.id, format!("{} was delivered", describe(one)))),
                None => Ok(()),
            },
            Some(Err(source)) => Err(self.failed("fetch from a queue without available jobs", source)),
            None => Ok(()),
        }
    }

    pub(super) async fn settle(
        &self,
        queue: &S::Queue,
        delivery: &DeliveryOf<S>,
        settlement: Settlement,
    ) -> Result<Settled, Broken> {
        self.does("settle a delivery", PATIENCE, queue.settle(&delivery.receipt, settlement)).await
    }

    /// Settles a delivery that this consumer holds.
    pub(super) async fn settle_held(
        &self,
        queue: &S::Queue,
        delivery: &DeliveryOf<S>,
        settlement: Settlement,
    ) -> Result<(), Broken> {
        let said = format!("{settlement:?} of {}", describe(delivery));
        match self.settle(queue, delivery, settlement).await? {
            Settled::Done => Ok(()),
            Settled::Lost => Err(self.broken_of(
                &delivery.id,
                format!("{said} was Lost although this consumer held the delivery"),
            )),
        }
    }

    /// Ends a consumer's subscription, and returns the jobs that the broker had sent ahead.
    pub(super) async fn withdraw(&self, queue: &S::Queue) -> Result<Vec<DeliveryOf<S>>, Broken> {
        self.does("withdraw", PATIENCE, queue.withdraw()).await
    }

    /// Stops a consumer that holds these deliveries, as the loop does: requeues all of them.
    pub(super) async fn stop(&self, queue: S::Queue, held: Vec<DeliveryOf<S>>) -> Result<(), Broken> {
        for delivery in held.into_iter().chain(self.withdraw(&queue).await?) {
            self.settle_held(&queue, &delivery, Settlement::Requeue).await?;
        }
        self.does("close", PATIENCE, queue.close()).await
    }

    /// Checks that the rest of the numbered jobs is delivered to another consumer, each once and as its first attempt, in
    /// addition to the jobs in `came`.
    pub(super) async fn check_rest_delivered(
        &self,
        jobs: u32,
        mut came: Vec<u32>,
    ) -> Result<Verdict, Broken> {
        let queue = self.open().await?;
        while came.len() < jobs as usize {
            for delivery in self.take_first_attempts(&queue).await? {
                self.settle_held(&queue, &delivery, Settlement::Ack).await?;
                came.extend(number(&delivery));
            }
        }
        came.sort_unstable();
        if came == (0..jobs).collect::<Vec<_>>() {
            return Ok(Verdict::Kept);
        }
        Err(self.broken(format!("{jobs} jobs were pushed, but these were delivered: {came:?}")))
    }

    /// Polls the job counts until they equal `wanted`.
    pub(super) async fn counts(&self, wanted: SubjectCounts) -> Result<(), Broken> {
        let mut last = None;
        let asking = async {
            loop {
                let job_counts = self.subject.job_counts().await?;
                if (job_counts.waiting, job_counts.dead_lettered) == (wanted.waiting, wanted.dead_lettered)
                    && job_counts.leased.is_none_or(|leased| Some(leased) == wanted.leased)
                {
                    return Ok::<(), BoxError>(());
                }
                last = Some(job_counts);
                sleep(STEP).await;
            }
        };
        match timeout(PATIENCE, asking).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(self.failed("count the jobs", source)),
            Err(_) => Err(self.broken(format!("expected job counts {wanted:?}, got {last:?}"))),
        }
    }

    /// Checks that at most `most` jobs are leased, if the subject counts them.
    pub(super) async fn leases_at_most(&self, most: u64) -> Result<(), Broken> {
        let job_counts = self.does("count the jobs", PATIENCE, self.subject.job_counts()).await?;
        match job_counts.leased {
            Some(leased) if leased > most => {
                Err(self.broken(format!("{leased} jobs are leased, more than the limit of {most}")))
            }
            _ => Ok(()),
        }
    }

    /// Runs a step that must succeed within a limit.
    pub(super) async fn does<T>(
        &self,
        step: &'static str,
        limit: Duration,
        doing: impl Future<Output = Result<T, BoxError>>,
    ) -> Result<T, Broken> {
        match timeout(limit, doing).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(source)) => Err(self.failed(step, source)),
            Err(_) => Err(self.too_long(step, limit)),
        }
    }

    /// How long to wait for a delivery. If the lease is short, another consumer's lease may delay the delivery.
    pub(super) fn patience(&self, queue: &S::Queue) -> Duration {
        if self.lease == LASTING {
            PATIENCE
        } else {
            PATIENCE.saturating_add(part(queue.lease().unwrap_or_default(), 2, 1))
        }
    }

    /// How long to wait for a delivery that must not come: longer than a lease, if there is one.
    pub(super) fn quiet(&self, queue: &S::Queue) -> Duration {
        queue.lease().map_or(QUIET, |lease| part(lease, 3, 2))
    }

    pub(super) const fn at_once(&self) -> Duration {
        AT_ONCE
    }

    pub(super) const fn step(&self) -> Duration {
        STEP
    }

    pub(super) fn broken(&self, seen: String) -> Broken {
        Broken { promise: self.promise, why: Why::Violated(seen) }
    }

    pub(super) fn failed(&self, step: &'static str, source: BoxError) -> Broken {
        Broken { promise: self.promise, why: Why::Failed { step, source } }
    }

    pub(super) fn too_long(&self, step: &'static str, limit: Duration) -> Broken {
        Broken { promise: self.promise, why: Why::Timeout { step, limit } }
    }
}

/// Describes a delivery for an error.
pub(super) fn describe<R>(delivery: &Delivery<R>) -> String {
    let start = delivery.payload.get(..20).unwrap_or(&delivery.payload);
    let start = String::from_utf8_lossy(start);
    format!("job {:?} ({start:?}, attempt {})", delivery.id, delivery.attempt)
}

/// The cause of the shutdowns that the suite begins.
pub(super) fn suite_stop_cause() -> Cause {
    Cause::Requested { reason: "the conformance test ended the fetch".to_owned() }
}

/// Returns the number that was pushed as this payload.
pub(super) fn number<R>(delivery: &Delivery<R>) -> Option<u32> {
    std::str::from_utf8(&delivery.payload).ok()?.parse().ok()
}

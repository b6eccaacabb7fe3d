//! A queue that breaks one promise, and keeps the others.
#![expect(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ebbtide::queue::{Delivery, Queue, Settled, Settlement};
use ebbtide::testing::queue::{DeadLettered, MemoryQueue, MemoryReceipt, Subject, SubjectCounts};
use ebbtide::{BoxError, Stop};
use tokio::time::{Instant, sleep, timeout};

use crate::conformance::{Fault, Telling};

type Given = Delivery<MemoryReceipt>;

/// The in-memory queue behind a simulated network, with or without a fault.
pub(crate) struct Faulty {
    inner: MemoryQueue,
    fault: Option<Fault>,
    /// How many deliveries are sent to each consumer beyond what it fetched.
    ahead: usize,
    telling: Telling,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    away: AtomicBool,
    waiting: AtomicU32,
    delivered: AtomicU32,
    /// Jobs that are hidden until the next fetch.
    unseen: Mutex<Vec<Vec<u8>>>,
    /// A delivery that a second consumer also gets.
    twin: Mutex<Option<(u32, Given)>>,
    consumers: AtomicU32,
    /// The time at which each job was pushed, by the runtime's clock.
    pushed: Mutex<BTreeMap<Vec<u8>, Instant>>,
    /// The requeued jobs.
    requeued_ids: Mutex<BTreeSet<String>>,
}

/// A consumer.
pub(crate) struct Consumer {
    inner: MemoryQueue,
    fault: Option<Fault>,
    ahead: usize,
    shared: Arc<Shared>,
    number: u32,
    was_away: AtomicBool,
    sent_ahead: Mutex<Vec<Given>>,
    prefetches: AtomicBool,
    /// Fetched and unsettled deliveries, and settled ones.
    held: Mutex<Vec<Given>>,
    settled: Mutex<Vec<Given>>,
    /// Jobs that a crash would lose before the next call.
    unsent: Mutex<Vec<Vec<u8>>>,
}

#[expect(clippy::disallowed_methods, reason = "the test pauses this clock")]
fn now() -> Instant {
    Instant::now()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl Faulty {
    pub(crate) fn new(inner: MemoryQueue, fault: Option<Fault>, ahead: usize, telling: Telling) -> Self {
        Self { inner, fault, ahead, telling, shared: Arc::default() }
    }
}

impl Subject for Faulty {
    type Queue = Consumer;

    async fn open(&self, lease: Duration) -> Result<Consumer, BoxError> {
        Ok(Consumer {
            inner: self.inner.open(lease).await?,
            fault: self.fault,
            ahead: self.ahead,
            shared: Arc::clone(&self.shared),
            number: self.shared.consumers.fetch_add(1, Ordering::Relaxed),
            was_away: AtomicBool::default(),
            sent_ahead: Mutex::default(),
            prefetches: AtomicBool::default(),
            held: Mutex::default(),
            settled: Mutex::default(),
            unsent: Mutex::default(),
        })
    }

    async fn push(&self, payload: &[u8]) -> Result<(), BoxError> {
        locked(&self.shared.pushed).insert(payload.to_vec(), now());
        let somebody_waits = self.shared.waiting.load(Ordering::Relaxed) > 0;
        if self.fault == Some(Fault::SeesAJobOnlyWhenAskedAgain) && somebody_waits {
            locked(&self.shared.unseen).push(payload.to_vec());
        } else {
            self.inner.push(payload);
        }
        Ok(())
    }

    async fn job_counts(&self) -> Result<SubjectCounts, BoxError> {
        let mut job_counts = self.inner.counts();
        job_counts.waiting += locked(&self.shared.unseen).len() as u64;
        if !self.telling.leases {
            job_counts.waiting += job_counts.leased.take().unwrap_or_default();
        }
        Ok(job_counts)
    }

    async fn dead_lettered(&self) -> Result<Vec<DeadLettered>, BoxError> {
        Ok(self.inner.dead_letters())
    }

    async fn crash(&self, queue: Consumer) {
        for payload in locked(&queue.unsent).drain(..) {
            self.inner.push(&payload);
        }
        let held = std::mem::take(&mut *locked(&queue.held));
        let settlement = match self.fault {
            // Not the few jobs with which the tests of the other promises crash.
            Some(Fault::CrashLosesItsJobs) if held.len() > 4 => Settlement::Ack,
            Some(Fault::CountsNoCrash) => Settlement::Requeue,
            _ => return,
        };
        for delivery in held {
            let _settled = self.inner.settle(&delivery.receipt, settlement.clone()).await.unwrap();
        }
    }

    async fn disconnect(&self) -> Result<bool, BoxError> {
        self.shared.away.store(true, Ordering::Relaxed);
        Ok(true)
    }

    async fn reconnect(&self) -> Result<(), BoxError> {
        self.shared.away.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn counts_requeues(&self) -> bool {
        self.telling.requeues
    }
}

impl Consumer {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn reach(&self) -> Result<(), BoxError> {
        let away = self.shared.away.load(Ordering::Relaxed);
        self.was_away.fetch_or(away, Ordering::Relaxed);
        if away || self.has(Fault::StaysAway) && self.was_away.load(Ordering::Relaxed) {
            return Err("the broker is away".into());
        }
        Ok(())
    }

    /// Fetches deliveries as far as the fault allows, before they are altered.
    async fn get(&self, max: usize, stop: &Stop) -> Result<Vec<Given>, BoxError> {
        let never = Stop::never();
        match self.fault {
            Some(Fault::ReturnsNothingInsteadOfWaiting) => {
                timeout(Duration::ZERO, self.inner.fetch(max, stop)).await.unwrap_or_else(|_| Ok(Vec::new()))
            }
            Some(Fault::WaitsOnThroughTheStop) => {
                let got = self.inner.fetch(max, stop).await?;
                if got.is_empty() {
                    sleep(Duration::from_secs(30)).await;
                }
                Ok(got)
            }
            Some(Fault::TakesMoreThoughStopping) => {
                match timeout(Duration::ZERO, self.inner.fetch(max, &never)).await {
                    Ok(got) => got,
                    Err(_) => self.inner.fetch(max, stop).await,
                }
            }
            Some(Fault::ThrowsAwayWhatItTookAtTheStop) => {
                let got = tokio::select! {
                    biased;
                    got = self.inner.fetch(max, &never), if !stop.is_stopping() => got?,
                    () = stop.stopping() => Vec::new(),
                };
                Ok(if stop.is_stopping() { Vec::new() } else { got })
            }
            Some(Fault::TakesMoreThanAsked) => self.inner.fetch(max + 1, stop).await,
            _ => self.inner.fetch(max, stop).await,
        }
    }

    fn disfigure(&self, got: &mut [Given]) {
        for delivery in got.iter_mut() {
            match self.fault {
                Some(Fault::TakesPayloadsForText) => {
                    delivery.payload = String::from_utf8_lossy(&delivery.payload).into_owned().into_bytes();
                }
                Some(Fault::TruncatesPayloads) => delivery.payload.truncate(65_535),
                Some(Fault::NamesTheDeliveryNotTheJob) => delivery.id = format!("{:?}", delivery.receipt),
                Some(Fault::NamesAllJobsAlike) => delivery.id = "job".to_owned(),
                _ => {}
            }
            let delivered = self.shared.delivered.fetch_add(1, Ordering::Relaxed);
            // At a count that the tests of the other promises do not reach.
            if self.has(Fault::DeliversOneTwice) && delivered == 50 {
                *locked(&self.shared.twin) = Some((self.number, delivery.clone()));
            }
        }
        if self.has(Fault::DeliversInReverse) {
            got.reverse();
        }
        locked(&self.held).extend(got.iter().cloned());
    }

    /// Releases jobs that were pushed longer ago than a lease lasts, as if their lease had begun then.
    async fn release_early_leases(&self, got: &[Given]) -> Result<(), BoxError> {
        for delivery in got.iter().filter(|delivery| delivery.attempt == 1) {
            let pushed = locked(&self.shared.pushed).get(&delivery.payload).copied();
            if pushed.is_some_and(|at| now().duration_since(at) >= self.inner.lease().unwrap_or_default()) {
                let again = Settlement::Retry { after: Duration::ZERO, error: String::new() };
                let _settled = self.inner.settle(&delivery.receipt, again).await?;
            }
        }
        Ok(())
    }

    /// Prefetches as many jobs as were settled, if there are any.
    async fn prefetch_for(&self, settled: usize) -> Result<(), BoxError> {
        let max = if self.has(Fault::PrefetchesTooMuch) { 2 * settled } else { settled };
        let never = Stop::never();
        let mut got =
            timeout(Duration::ZERO, self.inner.fetch(max, &never)).await.unwrap_or(Ok(Vec::new()))?;
        self.disfigure(&mut got);
        locked(&self.sent_ahead).extend(got);
        Ok(())
    }

    /// Returns whether a job is requeued once more: the tests of the other promises requeue each job at most once.
    fn is_requeued_again(&self, receipt: &MemoryReceipt, settlement: &Settlement) -> bool {
        let held = locked(&self.held);
        let delivery = held.iter().find(|delivery| delivery.receipt == *receipt);
        *settlement == Settlement::Requeue
            && delivery.is_some_and(|delivery| !locked(&self.shared.requeued_ids).insert(delivery.id.clone()))
    }

    /// Alters a settlement according to the fault before it is applied.
    fn misunderstand(&self, settlement: Settlement, again: bool) -> Settlement {
        let error = String::new();
        match (self.fault, settlement) {
            (Some(Fault::CountsRequeue), Settlement::Requeue) if again => {
                Settlement::Retry { after: Duration::ZERO, error }
            }
            (Some(Fault::RequeuesLate), Settlement::Requeue) if again => {
                Settlement::Retry { after: Duration::from_secs(5), error }
            }
            (Some(Fault::RetriesAtOnce), Settlement::Retry { error, .. }) => {
                Settlement::Retry { after: Duration::ZERO, error }
            }
            (Some(Fault::CountsNoRetry), Settlement::Retry { after, .. }) if after.is_zero() => {
                Settlement::Requeue
            }
            (Some(Fault::DeadLettersForEver), Settlement::DeadLetter { .. }) => Settlement::Ack,
            (Some(Fault::DeadLettersLive), Settlement::DeadLetter { error }) => {
                Settlement::Retry { after: Duration::from_secs(5), error }
            }
            (Some(Fault::LosesTheReason), Settlement::DeadLetter { .. }) => {
                Settlement::DeadLetter { error: "failed".to_owned() }
            }
            (_, settlement) => settlement,
        }
    }
}

impl Queue for Consumer {
    type Receipt = MemoryReceipt;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Given>, BoxError> {
        locked(&self.unsent).clear();
        if self.has(Fault::HangsWhenAway) && self.shared.away.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        self.reach()?;
        let ready: Vec<_> = {
            let mut ahead = locked(&self.sent_ahead);
            let ready = max.min(ahead.len());
            ahead.drain(..ready).collect()
        };
        if !ready.is_empty() && !stop.is_stopping() {
            return Ok(ready);
        }
        let twin = locked(&self.shared.twin).take_if(|(owner, _)| *owner != self.number);
        if let Some((_, twin)) = twin {
            return Ok(vec![twin]);
        }
        for payload in locked(&self.shared.unseen).drain(..) {
            self.inner.push(&payload);
        }
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        let got = self.get(max + self.ahead, stop).await;
        self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
        let mut got = got?;
        if self.has(Fault::LeasesFromThePush) {
            self.release_early_leases(&got).await?;
        }
        self.disfigure(&mut got);
        if self.ahead > 0 {
            let rest = got.split_off(max.min(got.len()));
            locked(&self.sent_ahead).extend(rest);
        }
        Ok(got)
    }

    /// A queue that sends ahead anyway does not prefetch.
    fn prefetch(&self, allowed: bool) -> bool {
        let prefetches = (allowed || self.has(Fault::PrefetchesThoughForbidden)) && self.ahead == 0;
        self.prefetches.store(prefetches, Ordering::Relaxed);
        prefetches
    }

    async fn settle(&self, receipt: &MemoryReceipt, settlement: Settlement) -> Result<Settled, BoxError> {
        locked(&self.unsent).clear();
        if self.has(Fault::SucceedsDuringOutage) && self.shared.away.load(Ordering::Relaxed) {
            return Ok(Settled::Done);
        }
        self.reach()?;
        let before = locked(&self.settled).iter().find(|delivery| delivery.receipt == *receipt).cloned();
        match (self.fault, &before, &settlement) {
            (Some(Fault::FailsTheSecondTime), Some(_), _) => return Err("it is settled".into()),
            (Some(Fault::LetsTheSecondCount), Some(delivery), Settlement::Requeue) => {
                self.inner.push(&delivery.payload);
                return Ok(Settled::Done);
            }
            (Some(Fault::FailsOnOddWords), _, Settlement::DeadLetter { error }) if error.contains('\0') => {
                return Err("no text".into());
            }
            _ => {}
        }
        let again = self.is_requeued_again(receipt, &settlement);
        if again && self.has(Fault::RequeuesNothing) {
            return Ok(Settled::Done);
        }
        let ack = settlement == Settlement::Ack;
        let settled = self.inner.settle(receipt, self.misunderstand(settlement, again)).await?;
        let place = locked(&self.held).iter().position(|delivery| delivery.receipt == *receipt);
        if let Some(place) = place {
            let delivery = locked(&self.held).remove(place);
            if ack && self.has(Fault::ForgetsAcksThatWereNotSent) {
                locked(&self.unsent).push(delivery.payload.clone());
            }
            locked(&self.settled).push(delivery);
        }
        if self.prefetches.load(Ordering::Relaxed) {
            self.prefetch_for(1).await?;
        }
        Ok(if self.has(Fault::TrustsLapsedReceipts) { Settled::Done } else { settled })
    }

    fn lease(&self) -> Option<Duration> {
        self.inner.lease()
    }

    async fn extend(&self, receipts: &[MemoryReceipt]) -> Result<(), BoxError> {
        self.reach()?;
        let settled = |receipt: &MemoryReceipt| {
            locked(&self.settled).iter().any(|delivery| delivery.receipt == *receipt)
        };
        if self.has(Fault::FailsToExtendWhatIsSettled) && receipts.iter().any(settled) {
            return Err("one of them is settled".into());
        }
        if self.has(Fault::ExtendsLate) {
            sleep(Duration::from_millis(1200)).await;
        }
        if self.has(Fault::ForgetsToExtend) { Ok(()) } else { self.inner.extend(receipts).await }
    }

    async fn withdraw(&self) -> Result<Vec<Given>, BoxError> {
        let ahead = std::mem::take(&mut *locked(&self.sent_ahead));
        let forgets = match self.fault {
            Some(Fault::ForgetsWhatWasSentAhead) => self.ahead > 0,
            Some(Fault::ForgetsWhatWasPrefetched) => self.ahead == 0,
            _ => false,
        };
        Ok(if forgets { Vec::new() } else { ahead })
    }
}

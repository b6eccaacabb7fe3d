use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::tally::{Fate, Tally};
use crate::drain::{Stop, StopSource, Work, WorkCounts};
use crate::model::{Cause, Straggler};
use crate::queue::Delivery;
use crate::util::clock;

/// Tracks every delivery that the consumer holds, and counts the outcomes of the others.
///
/// # Invariants
///
/// `docs/spec.md` lists all of them. This type ensures:
///
/// - Q1. `taken` is the sum of all outcomes and the held deliveries, whenever the lock is free: the critical section that
///   removes a delivery from `held` also counts its outcome.
/// - Q4. Only its owner settles a delivery. Ownership passes from the job's task to the loop at most once, and never after the
///   job has ended by itself.
/// - Q5. The token of a job that the loop owns is cancelled when the delivery has its outcome, and not before.
///
/// No waker is called under the lock: tokens are cancelled outside it.
pub(super) struct DeliveryTracker<R> {
    state: Mutex<TrackerState<R>>,
}

struct TrackerState<R> {
    next: u64,
    /// By number, so that the oldest comes first.
    held: BTreeMap<u64, InFlightDelivery<R>>,
    /// How many of the held deliveries have a job that ended by itself.
    ended: usize,
    tally: Tally,
}

struct InFlightDelivery<R> {
    id: Arc<str>,
    receipt: R,
    since: Instant,
    stage: DeliveryStage,
    owner: Settler,
    stop: Arc<StopSource>,
}

/// The progress of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DeliveryStage {
    Unbegun,
    Running,
    /// The job has ended by itself, and its settlement is in progress.
    Ended,
}

impl<R: Clone> DeliveryTracker<R> {
    pub(super) fn new() -> Self {
        let state = TrackerState { next: 0, held: BTreeMap::new(), ended: 0, tally: Tally::default() };
        Self { state: Mutex::new(state) }
    }

    /// Records a delivery that is about to run, or that will not be started.
    pub(super) fn take(
        self: &Arc<Self>,
        delivery: &Delivery<R>,
        id: &Arc<str>,
        begin: bool,
    ) -> DeliveryGuard<R> {
        let stop = Arc::new(StopSource::with_clock(clock::now));
        let token = stop.token();
        let stage = if begin { DeliveryStage::Running } else { DeliveryStage::Unbegun };
        let receipt = delivery.receipt.clone();
        let held = InFlightDelivery {
            id: Arc::clone(id),
            receipt,
            since: clock::now(),
            stage,
            owner: Settler::Job,
            stop,
        };
        let mut state = self.lock();
        let key = state.next;
        state.next += 1;
        state.tally.taken += 1;
        state.held.insert(key, held);
        drop(state);
        DeliveryGuard::new(Arc::clone(self), key, Settler::Job, token)
    }

    /// Records that a job has ended by itself. Returns whether its task still settles it.
    fn ended(&self, key: u64) -> bool {
        let mut state = self.lock();
        let Some(held) = state.held.get_mut(&key).filter(|held| held.owner == Settler::Job) else {
            return false;
        };
        held.stage = DeliveryStage::Ended;
        state.ended += 1;
        true
    }

    /// Returns the number of jobs that have ended by themselves and whose settlement is in progress.
    pub(super) fn being_settled(&self) -> usize {
        self.lock().ended
    }

    /// Passes every running job to the loop.
    pub(super) fn claim_running(self: &Arc<Self>) -> Vec<DeliveryGuard<R>> {
        let mut claimed = Vec::new();
        for (key, held) in &mut self.lock().held {
            if held.stage == DeliveryStage::Running && held.owner == Settler::Job {
                held.owner = Settler::Loop;
                claimed.push((*key, held.stop.token()));
            }
        }
        let guard = |(key, stop)| DeliveryGuard::new(Arc::clone(self), key, Settler::Loop, stop);
        claimed.into_iter().map(guard).collect()
    }

    /// Records the outcome of a delivery, if `settler` owns it and it has no outcome yet.
    fn end(&self, key: u64, settler: Settler, fate: Fate) {
        let mut state = self.lock();
        if state.held.get(&key).is_none_or(|held| held.owner != settler) {
            return;
        }
        let Some(held) = state.held.remove(&key) else { return };
        state.ended -= usize::from(held.stage == DeliveryStage::Ended);
        state.tally.count(&held.id, fate, settler == Settler::Loop);
        drop(state);
        if settler == Settler::Loop {
            held.stop.cancel();
        }
    }

    /// Records all held deliveries as unsettled, because nothing is left to settle them. Returns their ids.
    fn give_up(&self) -> Vec<Arc<str>> {
        let mut state = self.lock();
        let held = std::mem::take(&mut state.held);
        state.ended = 0;
        for held in held.values() {
            state.tally.count(&held.id, Fate::Unsettled, true);
        }
        drop(state);
        held.values().for_each(|held| held.stop.cancel());
        held.into_values().map(|held| held.id).collect()
    }

    /// Signals all jobs to stop.
    pub(super) fn stop(&self, cause: &Cause, deadline: Option<Instant>) {
        let sources: Vec<_> = self.lock().held.values().map(|held| Arc::clone(&held.stop)).collect();
        for source in sources {
            source.stop(cause.clone(), deadline);
        }
    }

    /// Counts a cancellation without a delivery.
    pub(super) fn count_cancelled(&self) {
        let mut state = self.lock();
        state.tally.cancelled += 1;
        state.tally.unknown += 1;
    }

    pub(super) fn receipts(&self) -> Vec<R> {
        self.lock().held.values().map(|held| held.receipt.clone()).collect()
    }

    fn receipt(&self, key: u64) -> Option<(Arc<str>, R)> {
        self.lock().held.get(&key).map(|held| (Arc::clone(&held.id), held.receipt.clone()))
    }

    pub(super) fn tally(&self) -> Tally {
        self.lock().tally.clone()
    }
}

impl<R> DeliveryTracker<R> {
    fn lock(&self) -> MutexGuard<'_, TrackerState<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Send + 'static> Work for DeliveryTracker<R> {
    fn in_flight(&self) -> u64 {
        self.lock().held.len() as u64
    }

    fn finished(&self) -> u64 {
        self.lock().tally.acked
    }

    fn cancelled(&self) -> u64 {
        self.lock().tally.cancelled
    }

    fn counts(&self) -> WorkCounts {
        let state = self.lock();
        state.tally.counts(state.held.len() as u64)
    }

    fn stragglers(&self) -> Vec<Straggler> {
        let now = clock::now();
        let describe = |held: &InFlightDelivery<R>| Straggler {
            name: held.id.to_string(),
            age: now.saturating_duration_since(held.since),
            created: None,
        };
        self.lock().held.values().map(describe).collect()
    }

    fn requeued_ids(&self) -> Vec<String> {
        self.lock().tally.requeued_ids.clone()
    }

    fn redelivered(&self) -> u64 {
        self.lock().tally.lost
    }

    fn unsettled(&self) -> Vec<String> {
        self.lock().tally.unsettled.clone()
    }
}

/// The owner of a delivery, which settles it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settler {
    /// The delivery's task, which runs the job or requeues it without starting it.
    Job,
    /// The loop, which requeues the job before it cancels it.
    Loop,
}

/// The obligation to record the outcome of a delivery. Dropping it leaves the delivery unsettled: its task was aborted, or the
/// adapter panicked.
#[must_use = "dropping the guard leaves the delivery unsettled"]
pub(super) struct DeliveryGuard<R: Clone> {
    deliveries: Arc<DeliveryTracker<R>>,
    key: u64,
    settler: Settler,
    stop: Stop,
}

impl<R: Clone> DeliveryGuard<R> {
    fn new(deliveries: Arc<DeliveryTracker<R>>, key: u64, settler: Settler, stop: Stop) -> Self {
        Self { deliveries, key, settler, stop }
    }

    /// Returns the job's token.
    pub(super) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Records that the job has ended by itself. Returns whether this guard still settles it.
    pub(super) fn ended(&self) -> bool {
        self.deliveries.ended(self.key)
    }

    /// Returns the job's id and its receipt, unless the delivery has an outcome.
    pub(super) fn receipt(&self) -> Option<(Arc<str>, R)> {
        self.deliveries.receipt(self.key)
    }

    pub(super) fn end(self, fate: Fate) {
        self.deliveries.end(self.key, self.settler, fate);
    }
}

impl<R: Clone> Drop for DeliveryGuard<R> {
    fn drop(&mut self) {
        // No effect if the delivery has an outcome.
        self.deliveries.end(self.key, self.settler, Fate::Unsettled);
    }
}

/// Records the held deliveries as unsettled when the loop has ended or is dropped (invariant Q1).
pub(super) struct GiveUpOnDrop<R: Clone> {
    name: Arc<str>,
    deliveries: Arc<DeliveryTracker<R>>,
}

impl<R: Clone> GiveUpOnDrop<R> {
    pub(super) fn new(name: Arc<str>, deliveries: Arc<DeliveryTracker<R>>) -> Self {
        Self { name, deliveries }
    }
}

impl<R: Clone> Drop for GiveUpOnDrop<R> {
    fn drop(&mut self) {
        for job in self.deliveries.give_up() {
            crate::runtime::log_error!(
                consumer = &*self.name,
                job = &*job,
                "job not settled before the deadline; it will be redelivered when its lease expires"
            );
        }
    }
}

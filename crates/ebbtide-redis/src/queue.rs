use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::adapter::Combiner;
use ebbtide::drain::Stop;
use ebbtide::queue::{Delivery, JobCounts, Queue, Settled, Settlement};
use tokio::sync::Semaphore;

use super::ahead::Ahead;
use super::builder::RedisBuilder;
use super::commands::Commands;
use super::entry::{Entry, RedisReceipt};
use super::error::RedisQueueError;
use super::link::Link;
use super::reader::Reader;
use super::schedule::Schedule;

/// The maximum size of one fetch: a long command of one client delays the others at Redis.
const MOST: usize = 1000;

/// The maximum number of acknowledgement batches in progress. Further acknowledgements gather for the next batch.
const TURNS: usize = 2;

/// A queue in Redis: a producer, and a consumer with a unique name.
///
/// The [module](super) documents its guarantees. It has three connections, one of them for lease renewals. A broken
/// connection is opened again by the next call.
#[derive(Debug)]
pub struct RedisQueue {
    commands: Commands,
    /// A dedicated connection, on the runtime of the renewals.
    renewals: Link,
    reader: Reader,
    schedule: Schedule,
    held: InFlightReceipts,
    ahead: Ahead,
    acking: Combiner<RedisReceipt, Settled, RedisQueueError>,
    turns: Semaphore,
}

impl RedisQueue {
    /// Creates a builder for a queue. Its name is the key of its stream.
    ///
    /// # Examples
    ///
    /// See the [module](super).
    pub fn builder(name: impl Into<String>) -> RedisBuilder {
        RedisBuilder::new(name.into())
    }

    pub(super) fn new(commands: Commands) -> Self {
        let (schedule, ahead) = (Schedule::new(commands.lease), Ahead::new(commands.lease));
        Self {
            renewals: commands.link.another(),
            commands,
            reader: Reader::default(),
            schedule,
            held: InFlightReceipts::default(),
            ahead,
            acking: Combiner::default(),
            turns: Semaphore::new(TURNS),
        }
    }

    /// Pushes a job and returns its id when Redis has it. The [module](super) documents its durability.
    ///
    /// # Errors
    ///
    /// Returns an error if Redis cannot be reached or rejects the job. After a timeout, Redis may have the job.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the job may or may not have been pushed.
    pub async fn push(&self, payload: impl AsRef<[u8]>) -> Result<String, RedisQueueError> {
        self.commands.push(payload.as_ref()).await
    }

    /// Returns the number of jobs in each state, for operators and tests.
    ///
    /// # Errors
    ///
    /// Returns an error if the query fails.
    pub async fn counts(&self) -> Result<JobCounts, RedisQueueError> {
        self.commands.counts().await
    }

    /// Takes jobs that are due or whose consumer died, if a sweep is due.
    async fn sweep(&self, max: usize) -> Result<Vec<Entry>, RedisQueueError> {
        let Some(cursor) = self.schedule.due() else { return Ok(Vec::new()) };
        let swept = self.commands.sweep(max, &cursor).await?;
        self.schedule.looked(swept.cursor, swept.next_due);
        Ok(swept.entries)
    }

    async fn take(&self, max: usize, stop: &Stop) -> Result<Vec<Entry>, RedisQueueError> {
        self.find_missed(stop).await?;
        let ahead = self.ahead.take(max);
        if !ahead.is_empty() {
            return Ok(ahead);
        }
        let asked = self.ahead.asks();
        let mut taken = self.sweep(max).await?;
        if taken.is_empty() {
            let read = self.reader.read(&self.commands, max, self.schedule.block(), &self.ahead, stop).await;
            taken = read.map_err(|error| self.commands.error(error))?;
        }
        asked.answered();
        Ok(taken)
    }

    /// Asks for entries that were delivered to this consumer in responses that never arrived, and keeps them for the
    /// next fetch.
    async fn find_missed(&self, stop: &Stop) -> Result<(), RedisQueueError> {
        if !self.ahead.has_missed() {
            return Ok(());
        }
        // An entry in a response that is still on its way would be taken twice.
        let Some(alone) = stop.unless_stopping(self.ahead.alone()).await else { return Ok(()) };
        let known = [self.held.receipts(), alone.known()].concat();
        alone.found(self.commands.unknown(&known).await?);
        Ok(())
    }

    /// Acknowledges all deliveries, or fails for all of them. If allowed, reads as many new entries for the next
    /// fetch.
    async fn ack(&self, receipts: Vec<RedisReceipt>) -> Result<Vec<Settled>, RedisQueueError> {
        // If a sweep is due, the free places are left to it.
        let reading = if self.schedule.is_due() { None } else { self.ahead.begin() };
        let mut read = Vec::new();
        let settled = self.commands.ack(&receipts, reading.is_some().then_some(&mut read)).await;
        if let Some(reading) = reading {
            reading.keep(read, settled.is_ok());
        }
        settled
    }

    /// Converts entries to deliveries, and dead-letters entries that have no payload.
    async fn deliver(&self, entries: Vec<Entry>) -> Vec<Delivery<RedisReceipt>> {
        let mut deliveries = Vec::with_capacity(entries.len());
        for entry in entries {
            let receipt = entry.receipt();
            if let Some(delivery) = entry.into_delivery() {
                deliveries.push(delivery);
                continue;
            }
            let error = "invalid job: the entry has no field `payload`".to_owned();
            let dead_lettered = self.commands.settle(&receipt, &Settlement::DeadLetter { error }).await;
            ebbtide::adapter::log_warn!(
                entry = receipt.entry,
                ?dead_lettered,
                "invalid entry without field `payload`; dead-lettering it"
            );
        }
        // No await after this point: an entry in `held` must reach the caller.
        for delivery in &deliveries {
            self.held.add(&delivery.receipt);
        }
        deliveries
    }
}

impl Queue for RedisQueue {
    type Receipt = RedisReceipt;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<RedisReceipt>>, BoxError> {
        let max = max.min(MOST);
        while max > 0 && !stop.is_stopping() {
            // Connecting takes no job: the stop may end it.
            let Some(ready) = stop.unless_stopping(self.commands.link.ready()).await else { break };
            ready.map_err(|error| self.commands.error(error))?;
            let taken = match self.take(max, stop).await {
                Err(error) if error.is_gone() => {
                    let error = ebbtide::adapter::chain(&error);
                    ebbtide::adapter::log_warn!(
                        error,
                        "stream or consumer group is missing; creating it again"
                    );
                    self.commands.set_up().await?;
                    continue;
                }
                taken => self.deliver(taken?).await,
            };
            if !taken.is_empty() {
                return Ok(taken);
            }
        }
        Ok(Vec::new())
    }

    fn prefetch(&self, allowed: bool) -> bool {
        self.ahead.allow(allowed);
        allowed
    }

    async fn settle(&self, receipt: &RedisReceipt, settlement: Settlement) -> Result<Settled, BoxError> {
        let settled = if settlement == Settlement::Ack {
            self.acking.submit(receipt.clone(), &self.turns, |batch| self.ack(batch)).await?
        } else {
            // Rare, and much larger than the other path: boxed, so that it does not enlarge every job's future.
            Box::pin(self.commands.settle(receipt, &settlement)).await?
        };
        self.held.remove(receipt);
        Ok(settled)
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.commands.lease)
    }

    async fn extend(&self, receipts: &[RedisReceipt]) -> Result<(), BoxError> {
        Ok(self.commands.extend(&self.renewals, receipts).await?)
    }

    fn extends_anywhere(&self) -> bool {
        true
    }

    /// Returns the prefetched entries, and those that were delivered in a response that never arrived.
    ///
    /// Prefetched entries are discarded here first: the server has them as well, and they can be asked for again.
    async fn withdraw(&self) -> Result<Vec<Delivery<RedisReceipt>>, BoxError> {
        self.ahead.end().await;
        self.reader.wait_for_unseen_reads().await;
        let entries = self.commands.unknown(&self.held.receipts()).await?;
        Ok(self.deliver(entries).await)
    }

    async fn close(&self) -> Result<(), BoxError> {
        let left = self.commands.leave().await;
        self.reader.close().await;
        self.renewals.close().await;
        self.commands.link.close().await;
        Ok(left?)
    }
}

/// The deliveries that were returned and not yet settled. Any other entry that is pending for this consumer was
/// delivered in a response that never arrived.
///
/// The whole receipt identifies a delivery. After an outage longer than its lease, a consumer can take a job over
/// from itself. The job is then here twice, and the settlement of the first delivery does not settle the second.
#[derive(Debug, Default)]
struct InFlightReceipts {
    receipts: Mutex<HashSet<RedisReceipt>>,
}

impl InFlightReceipts {
    fn add(&self, receipt: &RedisReceipt) {
        self.lock().insert(receipt.clone());
    }

    fn remove(&self, receipt: &RedisReceipt) {
        self.lock().remove(receipt);
    }

    fn receipts(&self) -> Vec<RedisReceipt> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<RedisReceipt>> {
        // A panic of another thread leaves the set valid.
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

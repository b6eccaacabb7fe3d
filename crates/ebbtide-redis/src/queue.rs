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

/// The most that one fetch takes: what Redis does for one client holds up the others.
const MOST: usize = 1000;

/// So many batches of acknowledgements are under way at a time; what comes meanwhile gathers for the next.
const TURNS: usize = 2;

/// A queue in Redis: a producer, and a consumer with a name of its own.
///
/// The [module](super) says what it keeps and what it doesn't. It has three connections, one of them to renew leases, which it
/// makes anew when they are broken and it is called again.
#[derive(Debug)]
pub struct RedisQueue {
    commands: Commands,
    /// A connection of its own, on the runtime that the renewals run on.
    renewals: Link,
    reader: Reader,
    schedule: Schedule,
    held: InFlightReceipts,
    ahead: Ahead,
    acking: Combiner<RedisReceipt, Settled, RedisQueueError>,
    turns: Semaphore,
}

impl RedisQueue {
    /// Begins to describe a queue. Its name is the key of its stream.
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

    /// Pushes a job and returns its id. Redis then has it: the [module](super) says how well.
    ///
    /// # Errors
    ///
    /// When Redis cannot be told, or refuses it. If the answer did not come in time, it may have it all the same.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the job may have been pushed or not.
    pub async fn push(&self, payload: impl AsRef<[u8]>) -> Result<String, RedisQueueError> {
        self.commands.push(payload.as_ref()).await
    }

    /// JobCounts the jobs, for operators and tests.
    ///
    /// # Errors
    ///
    /// When Redis cannot be asked.
    pub async fn counts(&self) -> Result<JobCounts, RedisQueueError> {
        self.commands.counts().await
    }

    /// Takes what is due or was left by others, when it is time to look for that.
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

    /// Looks for what was given to us in answers that never reached us, and keeps it for the next one who takes.
    async fn find_missed(&self, stop: &Stop) -> Result<(), RedisQueueError> {
        if !self.ahead.has_missed() {
            return Ok(());
        }
        // What an answer brings that is still on its way would be taken twice.
        let Some(alone) = stop.unless_stopping(self.ahead.alone()).await else { return Ok(()) };
        let known = [self.held.receipts(), alone.known()].concat();
        alone.found(self.commands.unknown(&known).await?);
        Ok(())
    }

    /// Acknowledges these, or fails with all of them. Where it may, it reads as many new ones for the next fetch.
    async fn ack(&self, receipts: Vec<RedisReceipt>) -> Result<Vec<Settled>, RedisQueueError> {
        // What is delayed or was left by others has its turn at free places as well.
        let reading = if self.schedule.is_due() { None } else { self.ahead.begin() };
        let mut read = Vec::new();
        let settled = self.commands.ack(&receipts, reading.is_some().then_some(&mut read)).await;
        if let Some(reading) = reading {
            reading.keep(read, settled.is_ok());
        }
        settled
    }

    /// Makes deliveries of entries, and buries those that no producer of jobs has written.
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
                "invalid entry: no field `payload`; dead-lettering it"
            );
        }
        // Nothing is waited for from here on: what is held is in somebody's hands.
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
            // Connecting takes nothing: the stop may end it.
            let Some(ready) = stop.unless_stopping(self.commands.link.ready()).await else { break };
            ready.map_err(|error| self.commands.error(error))?;
            let taken = match self.take(max, stop).await {
                Err(error) if error.is_gone() => {
                    let error = ebbtide::adapter::chain(&error);
                    ebbtide::adapter::log_warn!(error, "stream or consumer group is missing; creating it again");
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
            // Seldom, and much larger than the other: it is no part of every job's future.
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

    /// Returns what was read ahead, and what was delivered in an answer that never reached us.
    ///
    /// What was read ahead is forgotten first: the server knows it too, however often it has to be asked.
    async fn withdraw(&self) -> Result<Vec<Delivery<RedisReceipt>>, BoxError> {
        self.ahead.end().await;
        self.reader.settle_down().await;
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

/// The deliveries that were given out and not yet settled. What is pending under our name beside them came in a reply
/// that never reached us.
///
/// They are told apart by the whole receipt: a job that we have taken over from ourselves, after an outage longer than its
/// lease, is here twice, and what becomes of the first delivery says nothing about the second.
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
        // A set that somebody panicked over is still a set.
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

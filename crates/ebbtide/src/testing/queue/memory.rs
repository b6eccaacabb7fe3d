use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::sleep_until;

use super::subject::{DeadLettered, Subject, SubjectCounts};
use crate::drain::Stop;
use crate::queue::{Delivery, Queue, Settled, Settlement};
use crate::util::{BoxError, clock};

/// An in-memory queue, for tests of a handler without a broker. It keeps every promise, and loses its content when its last
/// handle is dropped. Clones are consumers of the same queue.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use ebbtide::Stop;
/// use ebbtide::queue::Queue as _;
/// use ebbtide::testing::queue::MemoryQueue;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let queue = MemoryQueue::new(Duration::from_secs(30));
/// queue.push(b"write to a@example.org");
/// let jobs = queue.fetch(8, &Stop::never()).await?;
/// assert_eq!(jobs[0].payload, b"write to a@example.org");
/// # Ok::<(), ebbtide::BoxError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct MemoryQueue {
    lease: Duration,
    shared: Arc<SharedJobs>,
}

/// The receipt of a [`MemoryQueue`], which identifies a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryReceipt {
    job: u64,
    delivery: u64,
}

#[derive(Debug)]
struct SharedJobs {
    jobs: Mutex<JobTable>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct JobTable {
    last_job: u64,
    last_delivery: u64,
    /// By number, in the order in which they were pushed.
    all: BTreeMap<u64, StoredJob>,
}

#[derive(Debug)]
struct StoredJob {
    payload: Vec<u8>,
    /// The number of counted attempts.
    attempts: u32,
    state: JobState,
}

#[derive(Debug)]
enum JobState {
    /// The job may be delivered from then on.
    Waiting(Instant),
    Leased {
        delivery: u64,
        until: Instant,
    },
    DeadLettered(String),
}

impl MemoryQueue {
    /// Creates an empty queue whose deliveries are leased for `lease`.
    pub fn new(lease: Duration) -> Self {
        Self { lease, shared: Arc::new(SharedJobs { jobs: Mutex::default(), changed: Notify::new() }) }
    }

    /// Pushes a job.
    pub fn push(&self, payload: &[u8]) {
        let mut jobs = self.jobs();
        jobs.last_job += 1;
        let number = jobs.last_job;
        let state = JobState::Waiting(clock::now());
        jobs.all.insert(number, StoredJob { payload: payload.to_vec(), attempts: 0, state });
        drop(jobs);
        self.shared.changed.notify_waiters();
    }

    /// Returns the number of jobs in each state.
    pub fn counts(&self) -> SubjectCounts {
        let (now, mut job_counts) =
            (clock::now(), SubjectCounts { leased: Some(0), ..SubjectCounts::default() });
        for job in self.jobs().all.values() {
            match &job.state {
                JobState::Leased { until, .. } if *until > now => {
                    job_counts.leased = job_counts.leased.map(|leased| leased + 1);
                }
                JobState::Waiting(_) | JobState::Leased { .. } => job_counts.waiting += 1,
                JobState::DeadLettered(_) => job_counts.dead_lettered += 1,
            }
        }
        job_counts
    }

    /// Returns the dead-lettered jobs.
    pub fn dead_letters(&self) -> Vec<DeadLettered> {
        let jobs = self.jobs();
        let dead_lettered = |job: &StoredJob| match &job.state {
            JobState::DeadLettered(error) => {
                Some(DeadLettered { payload: job.payload.clone(), error: Some(error.clone()) })
            }
            JobState::Waiting(_) | JobState::Leased { .. } => None,
        };
        jobs.all.values().filter_map(dead_lettered).collect()
    }

    fn jobs(&self) -> MutexGuard<'_, JobTable> {
        self.shared.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue for MemoryQueue {
    type Receipt = MemoryReceipt;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<MemoryReceipt>>, BoxError> {
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            // Registered before the check: from here on a push is noticed, even if it comes before the wait.
            changed.as_mut().enable();
            if stop.is_stopping() {
                return Ok(Vec::new());
            }
            let (taken, next) = self.jobs().take(max, clock::now(), self.lease);
            if !taken.is_empty() {
                return Ok(taken);
            }
            tokio::select! {
                () = stop.stopping() => {}
                () = changed => {}
                () = async { sleep_until(next.unwrap_or_else(clock::now).into()).await }, if next.is_some() => {}
            }
        }
    }

    async fn settle(&self, receipt: &MemoryReceipt, settlement: Settlement) -> Result<Settled, BoxError> {
        let settled = self.jobs().settle(receipt, settlement, clock::now());
        self.shared.changed.notify_waiters();
        Ok(settled)
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.lease)
    }

    async fn extend(&self, receipts: &[MemoryReceipt]) -> Result<(), BoxError> {
        let (mut jobs, now) = (self.jobs(), clock::now());
        for receipt in receipts {
            if let Some(StoredJob { state: JobState::Leased { until, .. }, .. }) = jobs.ours(receipt, now) {
                *until = clock::after(now, self.lease);
            }
        }
        Ok(())
    }
}

impl JobTable {
    /// Takes the available jobs. If there are none, returns when the next one becomes available.
    fn take(
        &mut self,
        max: usize,
        now: Instant,
        lease: Duration,
    ) -> (Vec<Delivery<MemoryReceipt>>, Option<Instant>) {
        let (mut taken, mut next) = (Vec::new(), None::<Instant>);
        for (number, job) in &mut self.all {
            let from = match &job.state {
                JobState::Waiting(from) | JobState::Leased { until: from, .. } => *from,
                JobState::DeadLettered(_) => continue,
            };
            if from > now {
                next = Some(next.map_or(from, |next| next.min(from)));
            } else if taken.len() < max {
                self.last_delivery += 1;
                let delivery = self.last_delivery;
                job.attempts += 1;
                job.state = JobState::Leased { delivery, until: clock::after(now, lease) };
                let receipt = MemoryReceipt { job: *number, delivery };
                let (id, payload) = (number.to_string(), job.payload.clone());
                taken.push(Delivery { receipt, id, payload, attempt: job.attempts });
            }
        }
        (taken, next)
    }

    /// Returns the job of a delivery whose lease is valid.
    fn ours(&mut self, receipt: &MemoryReceipt, now: Instant) -> Option<&mut StoredJob> {
        self.all.get_mut(&receipt.job).filter(|job| {
            matches!(job.state, JobState::Leased { delivery, until } if delivery == receipt.delivery && until > now)
        })
    }

    fn settle(&mut self, receipt: &MemoryReceipt, settlement: Settlement, now: Instant) -> Settled {
        let Some(job) = self.ours(receipt, now) else { return Settled::Lost };
        match settlement {
            Settlement::Ack => {
                self.all.remove(&receipt.job);
            }
            Settlement::Requeue => {
                job.attempts -= 1;
                job.state = JobState::Waiting(now);
            }
            Settlement::Retry { after, .. } => job.state = JobState::Waiting(clock::after(now, after)),
            Settlement::DeadLetter { error } => job.state = JobState::DeadLettered(error),
        }
        Settled::Done
    }
}

impl Subject for MemoryQueue {
    type Queue = Self;

    async fn open(&self, lease: Duration) -> Result<Self, BoxError> {
        Ok(Self { lease, ..self.clone() })
    }

    async fn push(&self, payload: &[u8]) -> Result<(), BoxError> {
        Self::push(self, payload);
        Ok(())
    }

    async fn job_counts(&self) -> Result<SubjectCounts, BoxError> {
        Ok(self.counts())
    }

    async fn dead_lettered(&self) -> Result<Vec<DeadLettered>, BoxError> {
        Ok(self.dead_letters())
    }
}

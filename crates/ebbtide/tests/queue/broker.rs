//! An in-memory broker that records every call, and can be unavailable, silent or forgetful at given times.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ebbtide::queue::{Delivery, Queue, Settled, Settlement};
use ebbtide::{BoxError, Stop};
use tokio::sync::Notify;
use tokio::time::sleep;

/// The state of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ready(Duration),
    Leased(Duration),
    Acked,
    DeadLettered(String),
}

/// A recorded call or event; the record adds the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A fetch began, with its maximum.
    Asked(usize),
    Gave {
        receipt: usize,
        job: String,
    },
    /// A settlement arrived; it counted if the delivery was still leased.
    Said {
        receipt: usize,
        settlement: Settlement,
        counted: bool,
    },
    Extended(usize),
    Expired(String),
    /// Prefetching was allowed or forbidden.
    Prefetch(bool),
    Withdrew,
    Closed,
}

/// A failure mode, for an interval since the broker began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Troubles {
    /// Every call fails.
    pub(crate) away: Option<Range<Duration>>,
    /// No call gets an answer; it fails at the end of the interval.
    pub(crate) silent: Option<Range<Duration>>,
    /// Settlements count, but their answer is an error.
    pub(crate) forgetful: Option<Range<Duration>>,
}

pub(crate) struct Broker {
    began: Instant,
    pub(crate) lease: Option<Duration>,
    pub(crate) troubles: Troubles,
    /// How many deliveries it sends before they are fetched.
    pub(crate) ahead: usize,
    /// Whether it prefetches a job for each acknowledged one, if allowed.
    pub(crate) prefetches: bool,
    /// The latency of each answer.
    pub(crate) latency: Duration,
    /// Whether it reports its lease to its consumer.
    pub(crate) tells_lease: bool,
    news: Notify,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    jobs: BTreeMap<String, (State, u32)>,
    given: Vec<String>,
    sent_ahead: VecDeque<Delivery<usize>>,
    may_prefetch: bool,
    diary: Vec<(Duration, Entry)>,
}

impl Broker {
    pub(crate) fn new() -> Self {
        Self {
            began: now(),
            lease: Some(Duration::from_secs(30)),
            troubles: Troubles::default(),
            ahead: 0,
            prefetches: false,
            latency: Duration::from_millis(1),
            tells_lease: true,
            news: Notify::new(),
            inner: Mutex::default(),
        }
    }

    pub(crate) fn push(&self, job: impl Into<String>) {
        self.inner.lock().expect("not poisoned").jobs.insert(job.into(), (State::Ready(Duration::ZERO), 0));
        self.news.notify_one();
    }

    /// Returns the time since the broker began.
    pub(crate) fn time(&self) -> Duration {
        now() - self.began
    }

    pub(crate) fn diary(&self) -> Vec<(Duration, Entry)> {
        self.inner.lock().expect("not poisoned").diary.clone()
    }

    pub(crate) fn state(&self, job: &str) -> State {
        self.expire();
        self.inner.lock().expect("not poisoned").jobs[job].0.clone()
    }

    pub(crate) fn states(&self) -> Vec<(String, State)> {
        self.expire();
        let inner = self.inner.lock().expect("not poisoned");
        inner.jobs.iter().map(|(job, (state, _))| (job.clone(), state.clone())).collect()
    }

    /// Waits for the latency, and fails during a failure interval.
    async fn answer(&self) -> Result<(), BoxError> {
        sleep(self.latency).await;
        let time = self.time();
        if self.troubles.silent.as_ref().is_some_and(|silent| silent.contains(&time)) {
            let end = self.troubles.silent.clone().unwrap_or_default().end;
            sleep(end.saturating_sub(time)).await;
            return Err("the connection was lost".into());
        }
        match &self.troubles.away {
            Some(away) if away.contains(&time) => Err("connection refused".into()),
            _ => Ok(()),
        }
    }

    fn expire(&self) {
        let time = self.time();
        let mut inner = self.inner.lock().expect("not poisoned");
        let mut expired = Vec::new();
        for (job, (state, _)) in &mut inner.jobs {
            if matches!(state, State::Leased(until) if *until <= time) {
                *state = State::Ready(time);
                expired.push((time, Entry::Expired(job.clone())));
            }
        }
        inner.diary.extend(expired);
    }

    fn note(&self, entry: Entry) {
        let time = self.time();
        self.inner.lock().expect("not poisoned").diary.push((time, entry));
    }

    fn until(&self) -> Duration {
        self.lease.map_or(Duration::MAX, |lease| self.time() + lease)
    }

    /// Takes deliveries that were sent ahead. Their lease begins here.
    fn take_ahead(&self, max: usize) -> Vec<Delivery<usize>> {
        let until = self.until();
        let mut inner = self.inner.lock().expect("not poisoned");
        let count = max.min(inner.sent_ahead.len());
        let taken: Vec<_> = inner.sent_ahead.drain(..count).collect();
        for delivery in &taken {
            inner.jobs.get_mut(&delivery.id).expect("the job was pushed").0 = State::Leased(until);
        }
        taken
    }

    /// Prefetches a job in place of an acknowledged one, for the next fetch.
    fn prefetch_one(&self) {
        if self.inner.lock().expect("not poisoned").may_prefetch {
            let more = self.give(1, Duration::MAX);
            self.inner.lock().expect("not poisoned").sent_ahead.extend(more);
        }
    }

    /// Delivers up to `max` ready jobs, the oldest first.
    fn give(&self, max: usize, until: Duration) -> Vec<Delivery<usize>> {
        self.expire();
        let time = self.time();
        let mut inner = self.inner.lock().expect("not poisoned");
        let Inner { jobs, given, diary, .. } = &mut *inner;
        let mut ready: Vec<_> = jobs
            .iter_mut()
            .filter_map(|(job, (state, attempt))| match *state {
                State::Ready(at) if at <= time => Some((at, job, state, attempt)),
                _ => None,
            })
            .collect();
        ready.sort_by_key(|(at, ..)| *at);
        let give = |(_, job, state, attempt): (Duration, &String, &mut State, &mut u32)| {
            *state = State::Leased(until);
            *attempt += 1;
            let receipt = given.len();
            given.push(job.clone());
            diary.push((time, Entry::Gave { receipt, job: job.clone() }));
            Delivery { receipt, id: job.clone(), payload: job.clone().into_bytes(), attempt: *attempt }
        };
        ready.into_iter().take(max).map(give).collect()
    }

    /// Takes deliveries that were sent ahead, and sends more ahead.
    fn take(&self, max: usize) -> Vec<Delivery<usize>> {
        let mut taken = self.take_ahead(max);
        taken.extend(self.give(max - taken.len(), self.until()));
        let missing = self.ahead - self.inner.lock().expect("not poisoned").sent_ahead.len().min(self.ahead);
        let more = self.give(missing, Duration::MAX);
        self.inner.lock().expect("not poisoned").sent_ahead.extend(more);
        taken
    }
}

impl Queue for Broker {
    type Receipt = usize;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<usize>>, BoxError> {
        self.note(Entry::Asked(max));
        self.answer().await?;
        loop {
            if stop.is_stopping() {
                return Ok(Vec::new());
            }
            let taken = self.take(max);
            if !taken.is_empty() {
                // Delivered; the answer is in transit.
                sleep(self.latency).await;
                return Ok(taken);
            }
            // Delayed jobs and expired leases send no notification: poll again.
            let news = async {
                tokio::select! {
                    () = self.news.notified() => {}
                    () = sleep(Duration::from_millis(50)) => {}
                }
            };
            if stop.unless_stopping(news).await.is_some() {
                self.answer().await?;
            }
        }
    }

    fn prefetch(&self, allowed: bool) -> bool {
        self.note(Entry::Prefetch(allowed));
        let prefetches = allowed && self.prefetches;
        self.inner.lock().expect("not poisoned").may_prefetch = prefetches;
        prefetches
    }

    async fn settle(&self, receipt: &usize, settlement: Settlement) -> Result<Settled, BoxError> {
        self.answer().await?;
        self.expire();
        let time = self.time();
        let mut inner = self.inner.lock().expect("not poisoned");
        let job = inner.given[*receipt].clone();
        let is_last = inner.given.iter().rposition(|other| *other == job) == Some(*receipt);
        let Inner { jobs, diary, .. } = &mut *inner;
        let (state, attempt) = jobs.get_mut(&job).expect("the job was pushed");
        let counted = is_last && matches!(state, State::Leased(_));
        if counted {
            *state = match &settlement {
                Settlement::Ack => State::Acked,
                Settlement::Requeue => {
                    *attempt -= 1;
                    State::Ready(time)
                }
                Settlement::Retry { after, .. } => State::Ready(time + *after),
                Settlement::DeadLetter { error } => State::DeadLettered(error.clone()),
            };
        }
        let done = counted && settlement == Settlement::Ack;
        diary.push((time, Entry::Said { receipt: *receipt, settlement, counted }));
        drop(inner);
        if done {
            self.prefetch_one();
        }
        match &self.troubles.forgetful {
            Some(forgetful) if forgetful.contains(&time) => Err("the answer was lost".into()),
            _ => Ok(if counted { Settled::Done } else { Settled::Lost }),
        }
    }

    fn lease(&self) -> Option<Duration> {
        self.lease.filter(|_| self.tells_lease)
    }

    async fn extend(&self, receipts: &[usize]) -> Result<(), BoxError> {
        self.answer().await?;
        self.expire();
        let until = self.until();
        let mut inner = self.inner.lock().expect("not poisoned");
        for receipt in receipts {
            let job = inner.given[*receipt].clone();
            let is_last = inner.given.iter().rposition(|other| *other == job) == Some(*receipt);
            if let Some((State::Leased(lease), _)) = inner.jobs.get_mut(&job).filter(|_| is_last) {
                *lease = until;
            }
        }
        drop(inner);
        self.note(Entry::Extended(receipts.len()));
        Ok(())
    }

    async fn withdraw(&self) -> Result<Vec<Delivery<usize>>, BoxError> {
        self.answer().await?;
        self.note(Entry::Withdrew);
        Ok(self.take_ahead(usize::MAX))
    }

    async fn close(&self) -> Result<(), BoxError> {
        self.answer().await?;
        self.note(Entry::Closed);
        Ok(())
    }
}

/// Returns the receipts whose settlement counted, with the settlement.
pub(crate) fn counted(diary: &[(Duration, Entry)]) -> Vec<(usize, Settlement)> {
    let said = diary.iter().filter_map(|(_, entry)| match entry {
        Entry::Said { receipt, settlement, counted: true } => Some((*receipt, settlement.clone())),
        _ => None,
    });
    said.collect()
}

/// Returns the current instant of the tests' clock, which is paused with the runtime's.
#[expect(clippy::disallowed_methods, reason = "the tests pause this clock")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

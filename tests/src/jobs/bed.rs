#![expect(clippy::panic, reason = "a broken harness fails its test, with all of its brokers that did")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ebbtide::BoxError;
use ebbtide::testing::queue::Relay;
use ebbtide_demo::queue::{AnyQueue, Left, QueueKind, QueuePlace};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::worker::text;
use super::{Entry, Journal};
use crate::brokers::Broker;
use crate::services;

/// A queue for one test, with a producer that counts its pushes. Removed on drop.
#[derive(Debug)]
pub struct Bed {
    folder: TempDir,
    place: QueuePlace,
    queue: AnyQueue,
    /// The number of pushed jobs.
    pushed: Mutex<u32>,
    runtime: Runtime,
}

impl Bed {
    /// Creates an empty queue with this lease on the broker that all tests share.
    ///
    /// # Panics
    ///
    /// When it cannot be created.
    pub fn fresh(kind: QueueKind, lease: Duration) -> Self {
        let folder = folder();
        let (variable, local) = match kind {
            QueueKind::Sqlite => ("", text(&folder.path().join("jobs.db"))),
            QueueKind::Postgres => ("EBBTIDE_TEST_POSTGRES", kind.url()),
            QueueKind::Redis => ("EBBTIDE_TEST_REDIS", kind.url()),
            QueueKind::Rabbitmq => ("EBBTIDE_TEST_RABBITMQ", kind.url()),
            QueueKind::Nats => ("EBBTIDE_TEST_NATS", kind.url()),
            QueueKind::Sqs => ("EBBTIDE_TEST_SQS", kind.url()),
        };
        let url = std::env::var(variable).unwrap_or(local);
        Self::at(folder, kind, url, lease)
    }

    /// Creates an empty queue on a broker that only this test uses.
    ///
    /// # Panics
    ///
    /// When it cannot be created.
    pub fn on(broker: &Broker, lease: Duration) -> Self {
        Self::at(folder(), broker.kind(), broker.url(), lease)
    }

    fn at(folder: TempDir, kind: QueueKind, url: String, lease: Duration) -> Self {
        let name = services::unique("jobs").replace('-', "_");
        let place = QueuePlace { kind, url, name, lease };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("creating the runtime failed: {error}"));
        let queue = runtime.block_on(place.open());
        let queue =
            queue.unwrap_or_else(|error| panic!("opening the queue on {} failed: {error}", kind.name()));
        Self { folder, place, queue, pushed: Mutex::default(), runtime }
    }

    /// Returns the location of the queue.
    pub const fn place(&self) -> &QueuePlace {
        &self.place
    }

    /// Returns the file that the workers write to.
    pub fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// Returns the temporary folder, for other files of the test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the events that the workers have written.
    pub fn entries(&self) -> Vec<Entry> {
        if self.journal().exists() { Journal::read(&self.journal()) } else { Vec::new() }
    }

    /// Pushes a job with this name.
    ///
    /// # Panics
    ///
    /// When the broker does not accept it.
    pub fn push(&self, job: &str) {
        self.try_push(job).unwrap_or_else(|error| panic!("push failed: {error}"));
    }

    /// Pushes the numbers of a range at a rate per second.
    ///
    /// # Panics
    ///
    /// As [`push`](Self::push).
    pub fn push_evenly(&self, jobs: std::ops::Range<u32>, per_second: u32) {
        let began = instant();
        for (number, job) in (0_u32..).zip(jobs) {
            let due = began + Duration::from_secs(1) * number / per_second;
            thread::sleep(due.saturating_duration_since(instant()));
            self.push(&job.to_string());
        }
    }

    /// Pushes the numbers of a range at a rate per second, and retries each until the broker has confirmed it. Returns those that
    /// were retried: the broker may hold them twice.
    pub fn push_until_taken(&self, jobs: std::ops::Range<u32>, per_second: u32) -> BTreeSet<String> {
        let mut again = BTreeSet::new();
        for job in jobs {
            let job = job.to_string();
            while self.try_push(&job).is_err() {
                again.insert(job.clone());
                thread::sleep(Duration::from_millis(50));
            }
            thread::sleep(Duration::from_secs(1) / per_second);
        }
        again
    }

    /// Runs a closure while no pushes happen, and passes it the number of jobs pushed before.
    pub fn between_pushes<T>(&self, look: impl FnOnce(u32) -> T) -> T {
        let pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        look(*pushed)
    }

    /// Opens a relay to the broker that can be disconnected, and returns the address to use in place of the broker's.
    ///
    /// # Panics
    ///
    /// When there is no port, or the broker's address is not `…//user@host:port…`.
    pub fn relay(&self) -> (Relay, String) {
        let (scheme, rest) = self.place.url.split_once("//").unwrap_or_default();
        let (rest, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (login, broker) = rest.split_at(rest.find('@').map_or(0, |at| at + 1));
        let relay = self.runtime.block_on(Relay::open(broker));
        let relay = relay.unwrap_or_else(|error| panic!("no relay to {broker}: {error}"));
        let url = format!("{scheme}//{login}{}{path}", relay.address());
        (relay, url)
    }

    /// Runs a future on the runtime of the relays.
    pub fn runs<T>(&self, something: impl Future<Output = T>) -> T {
        self.runtime.block_on(something)
    }

    /// Counts the jobs in the queue. Replacing a broken connection may take some seconds.
    ///
    /// # Panics
    ///
    /// When the broker does not return the counts.
    pub fn left(&self) -> Left {
        let end = instant() + Duration::from_secs(15);
        loop {
            match self.runtime.block_on(self.queue.left()) {
                Ok(left) => return left,
                Err(error) => assert!(instant() < end, "counting the jobs failed: {error}"),
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until a condition holds, in the queue or in the journal.
    ///
    /// # Panics
    ///
    /// When it does not hold within the limit.
    pub fn until(&self, what: &str, limit: Duration, mut is_so: impl FnMut(&Self) -> bool) {
        let end = instant() + limit;
        while !is_so(self) {
            assert!(instant() < end, "{what}: not reached within {limit:?}; the queue has {:?}", self.left());
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn try_push(&self, job: &str) -> Result<(), BoxError> {
        let mut pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        self.runtime.block_on(self.queue.push(job.as_bytes()))?;
        *pushed += 1;
        Ok(())
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.runtime.block_on(async {
            let _ = self.queue.disconnect().await;
            // A failed removal leaves an unused queue; the test's result is already decided.
            let _ = self.place.remove().await;
        });
    }
}

fn folder() -> TempDir {
    TempDir::with_prefix("ebbtide-jobs-")
        .unwrap_or_else(|error| panic!("creating a temporary folder failed: {error}"))
}

#[expect(clippy::disallowed_methods, reason = "a test waits in real time for real processes")]
fn instant() -> Instant {
    Instant::now()
}

/// Runs a closure with each of several brokers concurrently, since most of the time is spent waiting.
///
/// # Panics
///
/// When a closure panics; the message names every broker for which it did.
pub fn on_each(kinds: impl IntoIterator<Item = QueueKind>, something: impl Fn(QueueKind) + Sync) {
    let something = &something;
    let failed: Vec<_> = thread::scope(|threads| {
        let begun: Vec<_> = kinds
            .into_iter()
            .map(|kind| {
                let thread = thread::Builder::new().name(format!("on {}", kind.name()));
                let begun = thread.spawn_scoped(threads, move || something(kind));
                (kind, begun.unwrap_or_else(|error| panic!("spawning a thread failed: {error}")))
            })
            .collect();
        let failed = |(kind, thread): (QueueKind, thread::ScopedJoinHandle<'_, ()>)| {
            thread.join().is_err().then(|| kind.name())
        };
        begun.into_iter().filter_map(failed).collect()
    });
    assert!(failed.is_empty(), "failed on {}", failed.join(", "));
}

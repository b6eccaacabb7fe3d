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

/// A queue of a test's own, with somebody who pushes and counts. Removed when it is dropped.
#[derive(Debug)]
pub struct Bed {
    folder: TempDir,
    place: QueuePlace,
    queue: AnyQueue,
    /// How many were pushed.
    pushed: Mutex<u32>,
    runtime: Runtime,
}

impl Bed {
    /// Makes an empty queue on the broker that the tests are given, with leases of that length.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
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

    /// Makes an empty queue on a broker of the test's own.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub fn on(broker: &Broker, lease: Duration) -> Self {
        Self::at(folder(), broker.kind(), broker.url(), lease)
    }

    fn at(folder: TempDir, kind: QueueKind, url: String, lease: Duration) -> Self {
        let name = services::unique("jobs").replace('-', "_");
        let place = QueuePlace { kind, url, name, lease };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
        let queue = runtime.block_on(place.open());
        let queue = queue.unwrap_or_else(|error| panic!("no queue on {}: {error}", kind.name()));
        Self { folder, place, queue, pushed: Mutex::default(), runtime }
    }

    /// Returns where the queue is.
    pub const fn place(&self) -> &QueuePlace {
        &self.place
    }

    /// Returns the file that the workers write to.
    pub fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// Returns the folder, for what else a test needs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns what the workers have written.
    pub fn entries(&self) -> Vec<Entry> {
        if self.journal().exists() { Journal::read(&self.journal()) } else { Vec::new() }
    }

    /// Pushes a job of that name.
    ///
    /// # Panics
    ///
    /// When the broker does not take it.
    pub fn push(&self, job: &str) {
        self.try_push(job).unwrap_or_else(|error| panic!("not pushed: {error}"));
    }

    /// Pushes the numbers of a range, so many a second.
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

    /// Pushes the numbers of a range, so many a second, each until the broker has taken it. Returns those that it did not take the
    /// first time: of which nobody knows whether it has them twice.
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

    /// Looks at something while nobody pushes, and tells it how many were pushed before.
    pub fn between_pushes<T>(&self, look: impl FnOnce(u32) -> T) -> T {
        let pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        look(*pushed)
    }

    /// Opens a way to the broker that can be cut, and returns the address to use in place of the broker's.
    ///
    /// # Panics
    ///
    /// When there is no port, or the broker's address is not `…//user@host:port…`.
    pub fn relay(&self) -> (Relay, String) {
        let (scheme, rest) = self.place.url.split_once("//").unwrap_or_default();
        let (rest, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (login, broker) = rest.split_at(rest.find('@').map_or(0, |at| at + 1));
        let relay = self.runtime.block_on(Relay::open(broker));
        let relay = relay.unwrap_or_else(|error| panic!("no way to {broker}: {error}"));
        let url = format!("{scheme}//{login}{}{path}", relay.address());
        (relay, url)
    }

    /// Runs something on the runtime that relays work on.
    pub fn runs<T>(&self, something: impl Future<Output = T>) -> T {
        self.runtime.block_on(something)
    }

    /// Counts what is in the queue. A connection that has broken may take some seconds to be made anew.
    ///
    /// # Panics
    ///
    /// When the broker cannot be asked.
    pub fn left(&self) -> Left {
        let end = instant() + Duration::from_secs(15);
        loop {
            match self.runtime.block_on(self.queue.left()) {
                Ok(left) => return left,
                Err(error) => assert!(instant() < end, "not counted: {error}"),
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until something is so, in the queue or in the journal.
    ///
    /// # Panics
    ///
    /// When it is not within the limit.
    pub fn until(&self, what: &str, limit: Duration, mut is_so: impl FnMut(&Self) -> bool) {
        let end = instant() + limit;
        while !is_so(self) {
            assert!(instant() < end, "{what}: not within {limit:?}; the queue has {:?}", self.left());
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
            // What is left behind is a queue that nobody looks at; the test has said what it had to say.
            let _ = self.place.remove().await;
        });
    }
}

fn folder() -> TempDir {
    TempDir::with_prefix("ebbtide-jobs-").unwrap_or_else(|error| panic!("no folder: {error}"))
}

#[expect(clippy::disallowed_methods, reason = "a test waits in real time for real processes")]
fn instant() -> Instant {
    Instant::now()
}

/// Runs something with each of several brokers at the same time: most of it is waiting.
///
/// # Panics
///
/// When one of them does, with all that did.
pub fn on_each(kinds: impl IntoIterator<Item = QueueKind>, something: impl Fn(QueueKind) + Sync) {
    let something = &something;
    let failed: Vec<_> = thread::scope(|threads| {
        let begun: Vec<_> = kinds
            .into_iter()
            .map(|kind| {
                let thread = thread::Builder::new().name(format!("on {}", kind.name()));
                let begun = thread.spawn_scoped(threads, move || something(kind));
                (kind, begun.unwrap_or_else(|error| panic!("no thread: {error}")))
            })
            .collect();
        let failed = |(kind, thread): (QueueKind, thread::ScopedJoinHandle<'_, ()>)| {
            thread.join().is_err().then(|| kind.name())
        };
        begun.into_iter().filter_map(failed).collect()
    });
    assert!(failed.is_empty(), "failed on {}", failed.join(", "));
}

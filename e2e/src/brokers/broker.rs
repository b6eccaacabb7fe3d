#![expect(clippy::panic, reason = "a broken harness fails its test")]

use std::thread;
use std::time::{Duration, Instant};

use ebbtide_demo::queue::{QueueKind, QueuePlace};
use rustix::process::Signal;
use tempfile::TempDir;

use super::launch::{launch, url};
use crate::{Process, free_port};

/// A broker that only one test uses, on a free port and with its data in a temporary folder. Gone when this is dropped.
///
/// What it confirmed survives its death, as its documentation promises: Redis writes an append-only file, and NATS a store.
#[derive(Debug)]
pub struct Broker {
    kind: QueueKind,
    port: u16,
    /// What it needs beside it, which lives as long as we do.
    beside: Option<Process>,
    server: Option<Process>,
    /// Removed after the processes have ended, since `Drop` of the whole runs before that of its parts.
    folder: TempDir,
}

/// RabbitMQ takes five to ten seconds, and minutes where much else goes on.
const START: Duration = Duration::from_secs(240);

impl Broker {
    /// Starts one, and returns when it serves.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn start(kind: QueueKind) -> Self {
        let prefix = format!("ebbtide-{}-", kind.name());
        let folder = TempDir::with_prefix(prefix).unwrap_or_else(|error| panic!("no folder: {error}"));
        let mut broker = Self { kind, port: free_port(), beside: None, server: None, folder };
        broker.start_again();
        broker
    }

    /// Starts it over what it had written, and returns when it serves.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn start_again(&mut self) {
        let server = launch(self.kind, self.folder.path(), self.port, &mut self.beside);
        self.server = Some(server);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
        runtime.block_on(self.serves());
    }

    /// Kills it in the midst of whatever it does, and returns when it is gone. PostgreSQL, which is several processes, is told to drop
    /// everything (an "immediate" shutdown); the others get SIGKILL.
    ///
    /// # Panics
    ///
    /// When it outlives that.
    pub fn kill(&mut self) {
        let signal = if self.kind == QueueKind::Postgres { Signal::QUIT } else { Signal::KILL };
        if let Some(mut server) = self.server.take() {
            server.signal(signal);
            assert!(
                server.ended(Duration::from_secs(20)).is_some(),
                "{} outlives {signal:?}",
                self.kind.name()
            );
        }
    }

    /// Stops it in its own orderly way, starts it again, and returns when it serves.
    ///
    /// # Panics
    ///
    /// When it does not stop, or not serve.
    pub fn restart(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.signal(Signal::TERM);
            let ended = server.ended(Duration::from_secs(60));
            assert!(ended.is_some(), "{} outlives SIGTERM: {}", self.kind.name(), server.output());
        }
        self.start_again();
    }

    /// Returns which broker it is.
    pub const fn kind(&self) -> QueueKind {
        self.kind
    }

    /// Returns its address.
    pub fn url(&self) -> String {
        url(self.kind, self.port)
    }

    /// Waits until a queue can be opened.
    async fn serves(&mut self) {
        let (name, lease) = ("ebbtide_ready".to_owned(), Duration::from_secs(1));
        let place = QueuePlace { kind: self.kind, url: self.url(), name, lease };
        let end = now() + START;
        loop {
            let error = match tokio::time::timeout(Duration::from_secs(5), place.open()).await {
                Ok(Ok(queue)) => {
                    let _closed = queue.disconnect().await;
                    return;
                }
                Ok(Err(error)) => error.to_string(),
                Err(elapsed) => elapsed.to_string(),
            };
            let server = self.server.as_mut();
            let ended = server.and_then(|server| server.ended(Duration::ZERO));
            assert!(ended.is_none(), "{} ended: {ended:?}", self.kind.name());
            assert!(now() < end, "{} does not serve within {START:?}: {error}", self.kind.name());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let signal = if self.kind == QueueKind::Postgres { Signal::QUIT } else { Signal::KILL };
            server.signal(signal);
            // Whoever is still there then is killed with `server`.
            let _ended = server.ended(Duration::from_secs(20));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test waits in real time for real processes")]
fn now() -> Instant {
    Instant::now()
}

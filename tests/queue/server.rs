//! Servers that a test starts and kills, and the assertions that all such tests share.

use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ebbtide::drain::Stop;
use ebbtide::queue::{Delivery, Queue, Settled, Settlement};
use ebbtide_tests::free_port;
use tempfile::TempDir;

use crate::support::now;

/// A server that the test starts, kills and restarts. It listens on a free port and stores its data in a temporary folder.
pub(crate) struct Server {
    program: Program,
    process: Option<Child>,
    port: u16,
    folder: TempDir,
    settings: &'static [&'static str],
}

/// A server program and its options for address, port and folder.
struct Program {
    name: &'static str,
    address: &'static str,
    port: &'static str,
    folder: &'static str,
}

const REDIS: Program = Program { name: "redis-server", address: "--bind", port: "--port", folder: "--dir" };

const NATS: Program = Program { name: "nats-server", address: "-a", port: "-p", folder: "-sd" };

impl Server {
    pub(crate) async fn redis(settings: &'static [&'static str]) -> Self {
        Self::start(REDIS, settings).await
    }

    pub(crate) async fn nats(settings: &'static [&'static str]) -> Self {
        Self::start(NATS, settings).await
    }

    async fn start(program: Program, settings: &'static [&'static str]) -> Self {
        let (port, folder) = (free_port(), TempDir::new().unwrap());
        let mut server = Self { program, process: None, port, folder, settings };
        server.start_again().await;
        server
    }

    pub(crate) async fn start_again(&mut self) {
        let Program { name, address, port, folder } = self.program;
        let mut command = Command::new(name);
        command.args([address, "127.0.0.1", port, &self.port.to_string(), folder]).arg(self.folder.path());
        command.args(self.settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = self.process.insert(command.spawn().unwrap());
        // It loads its data before it listens.
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert_eq!(process.try_wait().unwrap(), None, "{name} ended before it listened");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Suspends the process: connections stay open and get no response.
    pub(crate) fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let process = self.process.as_ref().unwrap();
        let pid = rustix::process::Pid::from_child(process);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Returns the server's URL with this scheme.
    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Kills the server after this time in a fetch, and asserts that the adapter returns errors in time while it is down.
    /// Returns the jobs that were fetched before.
    pub(crate) async fn dies_under<Q: Queue>(
        &mut self,
        queue: &Q,
        held: &Q::Receipt,
        after: Duration,
    ) -> Vec<Delivery<Q::Receipt>> {
        let began = now();
        let killing = async {
            tokio::time::sleep(after).await;
            self.kill();
        };
        let failing = async {
            let mut jobs = Vec::new();
            loop {
                match queue.fetch(3, &Stop::never()).await {
                    Ok(more) => jobs.extend(more),
                    Err(_) => break jobs,
                }
            }
        };
        let ((), jobs) = tokio::join!(killing, failing);
        // The adapter may know by itself that the lease has expired.
        let said = queue.settle(held, Settlement::Ack).await;
        assert!(matches!(said, Err(_) | Ok(Settled::Lost)), "{said:?}");
        assert!(began.elapsed() < Duration::from_secs(10), "errors, not hangs");
        jobs
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Repeats a call until it succeeds, as the consumer loop does.
pub(crate) async fn until_it_works<T, E, F: Future<Output = Result<T, E>>>(call: impl Fn() -> F) -> T {
    loop {
        if let Ok(value) = call().await {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Acknowledges a job; repeats it until the server is available again.
pub(crate) async fn settle<Q: Queue>(queue: &Q, job: &Delivery<Q::Receipt>) -> Settled {
    until_it_works(|| queue.settle(&job.receipt, Settlement::Ack)).await
}

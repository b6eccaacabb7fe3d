use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A Redis of our own, on a free port and with its data in a temporary folder: to be killed and started again.
pub(super) struct Server {
    process: Option<Child>,
    port: u16,
    folder: TempDir,
    settings: &'static [&'static str],
}

impl Server {
    pub(super) async fn start(settings: &'static [&'static str]) -> Self {
        let mut server = Self { process: None, port: free_port(), folder: TempDir::new().unwrap(), settings };
        server.start_again().await;
        server
    }

    pub(super) async fn start_again(&mut self) {
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir"])
            .arg(self.folder.path());
        command.args(self.settings).stdin(Stdio::null()).stdout(Stdio::null());
        let process = self.process.insert(command.spawn().unwrap());
        // It loads what it has before it listens.
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert_eq!(process.try_wait().unwrap(), None, "redis-server ended before it listened");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Stops the process where it is: connections stay, and nobody answers.
    pub(super) fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    pub(super) fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let process = self.process.as_ref().unwrap();
        let pid = rustix::process::Pid::from_child(process);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Below those that the kernel gives to outgoing connections, one of which might take it while the server is away.
fn free_port() -> u16 {
    let random = RandomState::new().build_hasher().finish();
    let from = 20_000 + u16::try_from(random % 10_000).unwrap();
    (from..).find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).unwrap()
}

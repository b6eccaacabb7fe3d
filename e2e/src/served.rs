#![expect(clippy::panic, reason = "a broken harness fails its test")]

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::{Ended, Process, service};

/// A server in a process of its own, that has said where it listens.
#[derive(Debug)]
pub struct Served {
    /// The process.
    pub process: Process,
    /// Its address.
    pub addr: SocketAddr,
}

impl Served {
    /// Starts a server that says `listening on ADDRESS`.
    ///
    /// # Panics
    ///
    /// When it does not say so.
    pub fn start(command: &mut Command) -> Self {
        let process = Process::start(command);
        let addr = process.says_after("listening on ");
        let addr = addr.parse().unwrap_or_else(|error| panic!("{addr:?} is no address: {error}"));
        Self { process, addr }
    }

    /// Starts the service `shapes` with its arguments, a grace period and a lame duck, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not get ready.
    pub fn shapes(args: &[&str], grace: &str, lame_duck: &str) -> Self {
        let mut command = service("shapes");
        command.args(args).env("EBBTIDE_GRACE", grace).env("EBBTIDE_LAME_DUCK", lame_duck);
        let served = Self::start(&mut command);
        served.process.says("phase=ready");
        served
    }

    /// Starts the service `peer_axum`, a plain axum server.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn peer() -> Self {
        Self::start(service("peer_axum").args(["--listen", "127.0.0.1:0"]))
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Waits until it has ended, without holding up the other tasks of the test.
    ///
    /// # Panics
    ///
    /// When it has not within `limit`.
    pub async fn ended(&mut self, limit: Duration) -> Ended {
        let ended = self.ended_or_not(limit).await;
        ended.unwrap_or_else(|| panic!("it has not ended after {limit:?}:\n{}", self.process.output()))
    }

    /// Waits until it has ended, or returns `None` when `limit` has passed.
    pub async fn ended_or_not(&mut self, limit: Duration) -> Option<Ended> {
        tokio::task::block_in_place(|| self.process.ended(limit))
    }
}

//! One connection through a relay.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::observer::Observer;
use super::owners::Owned;
use super::relays::{RelayContext, Stage};
use crate::clock::At;
use crate::record::{ConnectionSide, RelayedConnection};
use crate::scenario::{Via, ViaAtSignal};

/// The largest part that is forwarded at once.
const PART: usize = 16 * 1024;
/// The parts of one direction that may wait to be written: a peer that does not read stops the other one, as without the relay.
const WAITING: usize = 16;

/// What is known of a connection.
pub(super) struct Connection {
    context: RelayContext,
    at_signal: Option<ViaAtSignal>,
    opened: At,
    /// The addresses of the service's side: its own, and the relay's.
    sides: (SocketAddr, SocketAddr),
    /// Its owner, if it is known.
    pub(super) owned: Owned,
    /// Whether the process of the service had children.
    children: Cell<bool>,
    observer: RefCell<Observer>,
    awaiting: Cell<bool>,
    /// The end that was seen first.
    end: Cell<Option<End>>,
}

#[derive(Clone, Copy)]
struct End {
    at: At,
    side: ConnectionSide,
    reset: bool,
    running: bool,
}

/// A part with the time at which it is written. `None`: the end.
type Part = (At, Option<Bytes>);

/// Forwards between `service` and `dependency` until both have ended.
pub(super) async fn relayed(connection: Rc<Connection>, service: TcpStream, dependency: TcpStream) {
    // As quick as without the relay.
    let _slower = service.set_nodelay(true).and_then(|()| dependency.set_nodelay(true));
    let (from_service, to_service) = service.into_split();
    let (from_dependency, to_dependency) = dependency.into_split();
    let (out, out_parts) = mpsc::channel(WAITING);
    let (back, back_parts) = mpsc::channel(WAITING);
    tokio::join!(
        connection.read(ConnectionSide::Service, from_service, out),
        connection.write(to_dependency, out_parts),
        connection.read(ConnectionSide::Dependency, from_dependency, back),
        connection.write(to_service, back_parts),
    );
}

impl Connection {
    pub(super) fn new(context: RelayContext, via: &Via, opened: At, sides: (SocketAddr, SocketAddr)) -> Self {
        let children = Cell::new(has_children(context.service.load(Ordering::Relaxed)));
        Self {
            context,
            at_signal: via.at_signal,
            opened,
            sides,
            owned: Owned::default(),
            children,
            observer: RefCell::new(Observer::new(via.protocol)),
            awaiting: Cell::new(false),
            end: Cell::new(None),
        }
    }

    /// Returns what was seen so far.
    pub(super) fn record(&self) -> RelayedConnection {
        let (seen, end) = (self.observer.borrow().seen(), self.end.get());
        RelayedConnection {
            opened: self.opened,
            ended: end.map(|end| (end.at, end.side)),
            reset: end.is_some_and(|end| end.reset),
            goodbye: seen.goodbye,
            awaiting: self.awaiting.get(),
            subscribed: seen.subscribed,
            opaque: seen.opaque,
            running: end.is_some_and(|end| end.running),
            children: self.children.get(),
            owner: self.owned.pid(),
            // What a silent relay did not pass on was neither delivered nor settled.
            unacknowledged: match end {
                Some(_) if self.at_signal != Some(ViaAtSignal::Silence) => seen.unacknowledged,
                _ => 0,
            },
        }
    }

    /// Returns the addresses of the service's side while it is open.
    pub(super) fn sides(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.end.get().is_none().then_some(self.sides)
    }

    /// Reads what `side` sends, and passes it on.
    async fn read(&self, side: ConnectionSide, mut from: OwnedReadHalf, parts: mpsc::Sender<Part>) {
        let mut buffer = vec![0; PART];
        loop {
            let read = from.read(&mut buffer).await;
            let now = self.context.clock.now();
            let bytes = match &read {
                Ok(length @ 1..) => buffer.get(..*length).unwrap_or_default(),
                Ok(0) => &[],
                Err(error) => {
                    self.ended(side, now, error.kind() == io::ErrorKind::ConnectionReset);
                    break;
                }
            };
            if bytes.is_empty() {
                self.ended(side, now, false);
                break;
            }
            self.awaiting.set(side == ConnectionSide::Service);
            self.observe(side, bytes);
            // Without a writer the peer has gone: what is sent to it is read, for its end.
            let _gone = parts.send((self.due(now), Some(Bytes::copy_from_slice(bytes)))).await;
        }
        let _gone = parts.send((self.due(self.context.clock.now()), None)).await;
    }

    /// Writes each part when it is due.
    async fn write(&self, mut to: OwnedWriteHalf, mut parts: mpsc::Receiver<Part>) {
        while let Some((due, part)) = parts.recv().await {
            sleep(due.since(self.context.clock.now())).await;
            if self.now() == Some(ViaAtSignal::Silence) {
                continue;
            }
            let written = match part {
                Some(bytes) => to.write_all(&bytes).await,
                None => to.shutdown().await,
            };
            if written.is_err() {
                return;
            }
        }
        if self.now() == Some(ViaAtSignal::Silence) {
            // A connection that is closed is not silent.
            std::future::pending::<()>().await;
        }
    }

    fn observe(&self, side: ConnectionSide, bytes: &[u8]) {
        let mut observer = self.observer.borrow_mut();
        if *self.context.stage.borrow() == Stage::Signalled {
            observer.stopping();
        }
        match side {
            ConnectionSide::Service => observer.sent(bytes),
            ConnectionSide::Dependency => observer.received(bytes),
        }
    }

    /// Records the end that was seen first.
    fn ended(&self, side: ConnectionSide, at: At, reset: bool) {
        if self.end.get().is_none() {
            let service = self.context.service.load(Ordering::Relaxed);
            let running = is_running(self.owned.pid().unwrap_or(service));
            self.children.set(self.children.get() || has_children(service));
            self.end.set(Some(End { at, side, reset, running }));
        }
    }

    /// Returns what happens to the dependency now.
    fn now(&self) -> Option<ViaAtSignal> {
        self.at_signal.filter(|_| *self.context.stage.borrow() == Stage::Signalled)
    }

    /// Returns when a part is written that is read at `now`.
    fn due(&self, now: At) -> At {
        match self.now() {
            Some(ViaAtSignal::Delay(time)) => now + time,
            Some(ViaAtSignal::Silence) | None => now,
        }
    }
}

/// The number of fields between the state, the third of `/proc/PID/stat`, and the flags, the ninth.
const FLAGS_AFTER_STATE: usize = 5;
/// The kernel has begun to end the process (`PF_EXITING`), and closes its files next.
const EXITING: u64 = 4;

/// Returns whether process `pid` is there and does not exit. Not known for 0: true.
fn is_running(pid: i32) -> bool {
    let flags = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(") ")?;
        rest.split(' ').nth(FLAGS_AFTER_STATE.saturating_add(1))?.parse::<u64>().ok()
    };
    pid == 0 || flags().is_some_and(|flags| flags & EXITING == 0)
}

/// Returns whether process `pid` has children, dead ones included that it has not reaped. Not known for 0: false.
fn has_children(pid: i32) -> bool {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    children.is_ok_and(|children| !children.is_empty())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_has_the_children_that_it_has_not_reaped() {
        let mut shell =
            Command::new("sh").args(["-c", "sleep 0 & exec cat"]).stdin(Stdio::piped()).spawn().unwrap();
        let pid = i32::try_from(shell.id()).unwrap();
        while !has_children(pid) {
            std::thread::yield_now();
        }
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert!(!has_children(pid) && !has_children(0));
    }

    #[test]
    fn a_process_that_has_ended_is_not_running() {
        let mut cat = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pid = i32::try_from(cat.id()).unwrap();
        assert!(is_running(pid) && is_running(0));
        drop(cat.stdin.take());
        // Not reaped yet.
        rustix::process::waitid(
            rustix::process::WaitId::Pid(rustix::process::Pid::from_child(&cat)),
            rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT,
        )
        .unwrap();
        assert!(!is_running(pid));
        cat.wait().unwrap();
        assert!(!is_running(pid));
    }
}

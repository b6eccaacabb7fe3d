//! A relay for each dependency, on a thread of their own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};

use rustix::process::Pid;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinSet, LocalSet};

use super::connection::{Connection, relayed};
use super::owners::{LookForOwners, NewConnections};
use crate::clock::{At, Clock};
use crate::record::{RelayedConnection, RelayedDependency};
use crate::scenario::Via;

/// What the relays do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Before,
    /// The signal is about to be sent.
    Imminent,
    Signalled,
    /// With the time of the signal.
    Over(At),
}

/// The running relays. Dropping them closes every connection.
pub(crate) struct Relays {
    addresses: Vec<SocketAddr>,
    stage: watch::Sender<Stage>,
    service: Arc<AtomicI32>,
    look: Arc<OnceLock<LookForOwners>>,
    done: oneshot::Receiver<Vec<RelayedDependency>>,
    thread: JoinHandle<()>,
}

impl Relays {
    /// Starts a relay for each of `vias`, at a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// A port or the thread cannot be had.
    pub(crate) fn start(vias: Vec<(Via, SocketAddr)>, clock: Clock) -> io::Result<Self> {
        let (stage, watch) = watch::channel(Stage::Before);
        let (tell, done) = oneshot::channel();
        let (service, look) = (Arc::<AtomicI32>::default(), Arc::<OnceLock<LookForOwners>>::default());
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for _ in &vias {
            let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            addresses.push(listener.local_addr()?);
            listeners.push(listener);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (shared, shared_look) = (Arc::clone(&service), Arc::clone(&look));
        let thread = Builder::new().name("relays".into()).spawn(move || {
            let context = RelayContext { clock, stage: watch, service: shared, look: shared_look };
            let seen = LocalSet::new().block_on(&runtime, run(&context, vias, listeners));
            // The receiver may have been dropped, for example after Ctrl-C.
            let _gone = tell.send(seen);
        })?;
        Ok(Self { addresses, stage, service, look, done, thread })
    }

    /// Returns the address of each relay, in the order of the dependencies.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Announces the process of the service, and how the owners of its connections are found.
    pub(crate) fn serve(&self, service: Pid, look: LookForOwners) {
        // A run has one service.
        let _set = self.look.set(look);
        self.service.store(service.as_raw_nonzero().get(), Ordering::Relaxed);
    }

    /// Announces that the signal is about to be sent.
    pub(crate) fn brace(&self) {
        self.stage.send_replace(Stage::Imminent);
    }

    /// Announces that the signal was sent.
    pub(crate) fn signalled(&self) {
        self.stage.send_replace(Stage::Signalled);
    }

    /// Stops the relays, and returns what they saw; the signal was sent at `signalled`. `None`: their thread panicked.
    pub(crate) async fn stop(self, signalled: At) -> Option<Vec<RelayedDependency>> {
        self.stage.send_replace(Stage::Over(signalled));
        let seen = self.done.await.ok();
        let _ended = self.thread.join();
        seen
    }
}

/// What each relay has.
#[derive(Clone)]
pub(super) struct RelayContext {
    pub(super) clock: Clock,
    pub(super) stage: watch::Receiver<Stage>,
    /// The process of the service, or 0.
    pub(super) service: Arc<AtomicI32>,
    /// How the owners of connections are found, once there is a service.
    pub(super) look: Arc<OnceLock<LookForOwners>>,
}

impl RelayContext {
    /// Waits until the relays are stopped or dropped. Returns when the signal was sent.
    async fn over(&self) -> At {
        let mut stage = self.stage.clone();
        let over = stage.wait_for(|stage| matches!(stage, Stage::Over(_))).await;
        match over.map(|stage| *stage) {
            Ok(Stage::Over(signalled)) => signalled,
            Ok(Stage::Before | Stage::Imminent | Stage::Signalled) | Err(_) => At::default(),
        }
    }
}

async fn run(
    context: &RelayContext,
    vias: Vec<(Via, SocketAddr)>,
    listeners: Vec<std::net::TcpListener>,
) -> Vec<RelayedDependency> {
    let mut relays = JoinSet::new();
    let (mut all, new) = (Vec::new(), Rc::<NewConnections>::default());
    for ((via, to), listener) in vias.into_iter().zip(listeners) {
        let relay = Rc::new(Relay {
            context: context.clone(),
            via,
            to,
            seen: RefCell::default(),
            new: Rc::clone(&new),
            unreachable: Cell::new(0),
        });
        all.push(Rc::clone(&relay));
        relays.spawn_local(async move { relay.accept(listener).await });
    }
    let (relayed, of_watch) = (all.clone(), context.clone());
    let connections = move || {
        let seen = |relay: &Rc<Relay>| relay.seen.borrow().clone();
        relayed.iter().flat_map(seen).collect()
    };
    relays.spawn_local(async move { new.watch(&of_watch, connections).await });
    let signalled = context.over().await;
    drop(relays);
    all.iter().map(|relay| relay.dependency(signalled)).collect()
}

/// The relay of one dependency.
struct Relay {
    context: RelayContext,
    via: Via,
    to: SocketAddr,
    seen: RefCell<Vec<Rc<Connection>>>,
    /// Those whose owner is still to be looked for.
    new: Rc<NewConnections>,
    unreachable: Cell<u64>,
}

impl Relay {
    /// Accepts connections; does not return.
    async fn accept(&self, listener: std::net::TcpListener) {
        // It fails only outside of a runtime.
        let Ok(listener) = TcpListener::from_std(listener) else { return };
        let Ok(address) = listener.local_addr() else { return };
        let mut connections = JoinSet::new();
        loop {
            let service = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_ended) = connections.join_next() => continue,
            };
            let Ok((service, client)) = service else { continue };
            let opened = self.context.clock.now();
            let Ok(dependency) = TcpStream::connect(self.to).await else {
                self.unreachable.set(self.unreachable.get().saturating_add(1));
                // The service sees an error, as it would without the relay.
                let _reset = service.set_zero_linger();
                continue;
            };
            let connection =
                Rc::new(Connection::new(self.context.clone(), &self.via, opened, (client, address)));
            self.seen.borrow_mut().push(Rc::clone(&connection));
            self.new.add(&connection);
            connections.spawn_local(relayed(connection, service, dependency));
        }
    }

    fn dependency(&self, signalled: At) -> RelayedDependency {
        let seen = self.seen.borrow();
        let ends_late = |end: &RelayedConnection| end.ended.is_none_or(|(at, _)| at >= signalled);
        let mut owners = BTreeMap::new();
        let mut connections = Vec::new();
        for connection in seen.iter() {
            let recorded = connection.record();
            if ends_late(&recorded) {
                connections.push(recorded);
                owners.extend(connection.owned.owner().map(|owner| (owner.pid, owner)));
            }
        }
        RelayedDependency {
            name: self.via.name.clone(),
            protocol: self.via.protocol,
            unreachable: self.unreachable.get(),
            earlier: seen.len().saturating_sub(connections.len()) as u64,
            connections,
            owners: owners.into_values().collect(),
        }
    }
}

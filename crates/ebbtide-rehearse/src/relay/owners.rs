//! Which process of the service has each connection open.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::connection::Connection;
use super::relays::{RelayContext, Stage};
use crate::record::{ConnectionOwner, OwnerSeen};

/// Returns the owner of each connection, given by its local and its remote address.
pub(crate) type LookForOwners = Arc<dyn Fn(&[(SocketAddr, SocketAddr)]) -> Vec<OwnerSeen> + Send + Sync>;

/// The shortest pause between two looks: connections that are shorter have no known owner.
const PAUSE: Duration = Duration::from_millis(50);
/// A pause is this many times as long as the look before it.
const SHARE: u32 = 10;
/// How often a connection is looked for whose owner is not known.
const LOOKS: u8 = 3;

/// The owner of a connection, as the last look showed it.
#[derive(Default)]
pub(super) struct Owned {
    owner: RefCell<Option<ConnectionOwner>>,
    looks: Cell<u8>,
}

impl Owned {
    /// Returns the process id of the owner.
    pub(super) fn pid(&self) -> Option<i32> {
        self.owner.borrow().as_ref().map(|owner| owner.pid)
    }

    /// Returns the owner.
    pub(super) fn owner(&self) -> Option<ConnectionOwner> {
        self.owner.borrow().clone()
    }

    /// A connection that is open before a fork belongs to both processes after it: what is seen later counts.
    fn see(&self, seen: OwnerSeen) {
        self.looks.set(self.looks.get().saturating_add(1));
        match seen {
            OwnerSeen::One(owner) => *self.owner.borrow_mut() = Some(owner),
            OwnerSeen::Several => *self.owner.borrow_mut() = None,
            OwnerSeen::Unknown => {}
        }
    }

    fn is_sought(&self) -> bool {
        self.looks.get() < LOOKS && self.owner.borrow().is_none()
    }
}

/// The connections whose owner is still to be looked for.
#[derive(Default)]
pub(super) struct NewConnections {
    new: RefCell<Vec<Rc<Connection>>>,
    opened: Notify,
}

impl NewConnections {
    pub(super) fn add(&self, connection: &Rc<Connection>) {
        self.new.borrow_mut().push(Rc::clone(connection));
        self.opened.notify_one();
    }

    /// Looks for the owners of new connections, and shortly before the signal once more for those of `all`. Does not return.
    ///
    /// It looks when there is a new connection, for all of them at once and with a pause between two looks, on a thread of its own: what is
    /// passed on does not wait for it.
    pub(super) async fn watch(&self, context: &RelayContext, all: impl Fn() -> Vec<Rc<Connection>>) {
        let mut stage = context.stage.clone();
        let mut has_seen_all = false;
        loop {
            let is_sought = |connection: &mut Rc<Connection>| {
                connection.sides().is_some() && connection.owned.is_sought()
            };
            let mut sought: Vec<_> = self.new.borrow_mut().extract_if(.., is_sought).collect();
            // The others have ended, or nothing more is to be found.
            self.new.borrow_mut().clear();
            if sought.is_empty() {
                tokio::select! {
                    () = self.opened.notified() => continue,
                    Ok(()) = imminent(&mut stage), if !has_seen_all => {}
                }
                has_seen_all = true;
                sought = all();
            }
            let took = look(context, &sought).await;
            self.new.borrow_mut().extend(sought);
            tokio::select! {
                () = sleep(took.saturating_mul(SHARE).max(PAUSE)) => {}
                Ok(()) = imminent(&mut stage), if !has_seen_all => {
                    has_seen_all = true;
                    look(context, &all()).await;
                }
            }
        }
    }
}

/// Waits until the signal is about to be sent.
async fn imminent(stage: &mut watch::Receiver<Stage>) -> Result<(), watch::error::RecvError> {
    stage.wait_for(|stage| *stage != Stage::Before).await.map(|_| ())
}

/// Looks for the owners of `connections`. Returns how long it took.
async fn look(context: &RelayContext, connections: &[Rc<Connection>]) -> Duration {
    let Some(look) = context.look.get().cloned() else { return Duration::ZERO };
    let open = connections.iter().filter_map(|connection| Some((connection, connection.sides()?)));
    let (open, sides): (Vec<_>, Vec<_>) = open.unzip();
    let began = context.clock.now();
    // An error means that it panicked.
    let seen = spawn_blocking(move || look(&sides)).await.unwrap_or_default();
    for (connection, seen) in open.into_iter().zip(seen) {
        // How it ended was judged without its owner.
        if connection.sides().is_some() {
            connection.owned.see(seen);
        }
    }
    context.clock.now().since(began)
}

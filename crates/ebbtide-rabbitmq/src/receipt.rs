use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use lapin::message::Delivery;

use super::message::Message;
use super::session::Session;

/// What a delivery of RabbitMQ is settled by: it belongs to the channel that it came by, and is lost with it.
#[derive(Clone)]
pub struct RabbitReceipt {
    pub(super) held: Arc<Held>,
}

pub(super) struct Held {
    /// The connection ends with its consumer, whoever still has a receipt.
    session: Weak<Session>,
    /// Its number on the channel.
    pub(super) tag: u64,
    pub(super) message: Message,
    /// Held by whoever settles it.
    pub(super) settling: tokio::sync::Mutex<()>,
    /// What was said of it, from when that cannot be taken back any more.
    said: Mutex<Option<Verb>>,
}

/// What can be said of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Ack,
    HandBack,
    Retry,
    Bury,
}

impl RabbitReceipt {
    pub(super) fn new(session: &Arc<Session>, delivery: &Delivery) -> Self {
        session.gives_out();
        let held = Held {
            session: Arc::downgrade(session),
            tag: delivery.delivery_tag,
            message: Message::of(delivery),
            settling: tokio::sync::Mutex::new(()),
            said: Mutex::new(None),
        };
        Self { held: Arc::new(held) }
    }
}

impl Held {
    /// The connection that it came by, if that is alive: what came by another one is lost.
    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.session.upgrade().filter(|session| session.is_alive())
    }

    pub(super) fn is_lost(&self) -> bool {
        self.session().is_none()
    }

    pub(super) fn said(&self) -> Option<Verb> {
        *self.lock()
    }

    /// Sets what is said from now on, and returns whether nothing was before.
    pub(super) fn say(&self, verb: Verb) -> bool {
        let is_first = self.lock().replace(verb).is_none();
        if is_first && let Some(session) = self.session.upgrade() {
            session.has_heard();
        }
        is_first
    }

    fn lock(&self) -> MutexGuard<'_, Option<Verb>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RabbitReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = &self.held.message;
        f.debug_struct("RabbitReceipt").field("id", &message.id).field("lost", &self.held.is_lost()).finish()
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("tag", &self.tag).field("said", &self.said()).finish_non_exhaustive()
    }
}

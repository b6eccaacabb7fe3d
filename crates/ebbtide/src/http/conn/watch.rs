use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::{Conn, Reason};
use crate::http::ledger::Order;
use crate::runtime::clock;
use crate::runtime::os::socket::Unread;

/// How soon a connection that has bytes unread is looked at again; the reactor brings them sooner.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Tells a connection's task when to end it.
#[derive(Debug)]
pub(crate) struct Watch {
    conn: Arc<Conn>,
    timer: Option<(Instant, Pin<Box<Sleep>>)>,
    known: bool,
}

impl Watch {
    pub(crate) fn new(conn: Arc<Conn>) -> Self {
        Self { conn, timer: None, known: false }
    }

    pub(crate) fn conn(&self) -> &Conn {
        &self.conn
    }

    /// Returns what the server wants of its connections. The caller's task is woken when that changes.
    pub(crate) fn order(&mut self, cx: &Context<'_>) -> Order {
        // The waker of a spawned task never changes. It is left before the order is read, and the ledger reads it
        // after the order is written: one of the two sees the other.
        if !self.known {
            self.conn.book().set_waker(cx.waker().clone());
            self.known = true;
        }
        self.conn.context.ledger.order()
    }

    /// Is ready when the connection is to be dropped as it is. Poll it last, after the connection itself is pending.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let order = self.order(cx);
            if order == Order::Cut {
                return Poll::Ready(());
            }
            let Some((mut at, reason)) = self.conn.due(order) else {
                self.timer = None;
                return Poll::Pending;
            };
            let now = clock::now();
            if now >= at {
                if reason == Reason::HalfHead || self.conn.socket.unread() == Unread::Nothing {
                    return Poll::Ready(());
                }
                at = now + LOOK_AGAIN;
            }
            let timer = match &mut self.timer {
                Some((set, timer)) if *set == at => timer,
                other => {
                    let timer = Box::pin(tokio::time::sleep_until(at.into()));
                    &mut other.insert((at, timer)).1
                }
            };
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::{Conn, Reason};
use crate::http::order::Order;
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
    /// What was seen of the full socket, and when first.
    stuck: Option<(Full, Instant)>,
}

/// A full socket. While nothing of it changes, the peer takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Full {
    /// How many times it has been full: it may be as full as before.
    times: u64,
    /// How many bytes the peer has not taken.
    left: u64,
}

impl Watch {
    pub(crate) fn new(conn: Arc<Conn>) -> Self {
        Self { conn, timer: None, known: false, stuck: None }
    }

    pub(crate) fn conn(&self) -> &Conn {
        &self.conn
    }

    /// Returns the connection for another to keep.
    pub(crate) fn shared(&self) -> Arc<Conn> {
        Arc::clone(&self.conn)
    }

    /// Returns what the server wants of its connections. The caller's task is woken when that changes.
    #[inline]
    pub(crate) fn order(&mut self, cx: &Context<'_>) -> Order {
        // The waker of a spawned task never changes. It is left before the order is read, and the ledger reads it
        // after the order is written: one of the two sees the other.
        if !self.known {
            self.conn.book().set_waker(cx.waker().clone());
            self.known = true;
        }
        self.conn.context.ledger.order()
    }

    /// Is ready when the peer of a multiplexed connection is to be told, in the lame duck, that it will end.
    pub(crate) fn poll_tell(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.conn.announces_at() {
            Some(at) if clock::now() >= at => Poll::Ready(()),
            Some(at) => self.poll_timer(at, cx),
            None => Poll::Pending,
        }
    }

    /// Is ready when the connection is to be dropped as it is. Poll it last, after the connection itself is pending.
    #[inline]
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let order = self.order(cx);
            if order == Order::Cut {
                return Poll::Ready(());
            }
            let Some((at, reason)) = self.conn.due(order) else {
                if self.timer.is_some() || self.stuck.is_some() {
                    (self.timer, self.stuck) = (None, None);
                }
                return Poll::Pending;
            };
            let now = clock::now();
            let at = match reason {
                Reason::Blocked => self.stuck_until(now),
                Reason::Unheard if self.conn.socket.untaken() > 0 => self.stuck_until(now),
                Reason::Unheard => clock::after(now, self.conn.context.stall()),
                _ => {
                    self.stuck = None;
                    at
                }
            };
            let at = match reason {
                _ if now < at => at,
                Reason::Quiet if self.conn.socket.unread() == Unread::Bytes => clock::after(now, LOOK_AGAIN),
                Reason::Quiet => return Poll::Ready(()),
                Reason::HalfHead | Reason::Stalled | Reason::Blocked | Reason::Unheard => {
                    self.conn.give_up_all();
                    return Poll::Ready(());
                }
                Reason::Look => self.look_at(now),
            };
            if self.poll_timer(at, cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Returns until when a full socket is waited for: anew from each time that the peer took something.
    fn stuck_until(&mut self, now: Instant) -> Instant {
        let full = Full { times: self.conn.book().blocks(), left: self.conn.socket.untaken() };
        let since = match self.stuck {
            Some((was, since)) if was == full => since,
            _ => now,
        };
        self.stuck = Some((full, since));
        clock::after(since, self.conn.context.stall())
    }

    /// Returns when to look again: when the timer already says, if it does.
    fn look_at(&self, now: Instant) -> Instant {
        match &self.timer {
            Some((at, _)) if *at > now => *at,
            _ => clock::after(now, self.conn.context.stall().max(LOOK_AGAIN)),
        }
    }

    fn poll_timer(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = match &mut self.timer {
            Some((set, timer)) if *set == at => timer,
            other => {
                let timer = Box::pin(tokio::time::sleep_until(at.into()));
                &mut other.insert((at, timer)).1
            }
        };
        timer.as_mut().poll(cx)
    }
}

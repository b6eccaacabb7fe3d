//! When a connection closes that no request ends: the idle rule, and how long the server waits for a peer.
//!
//! A connection is idle when nothing is in flight on it and no part of a request has arrived. It closes when it has
//! been quiet for long enough **and** nothing is unread in its socket, because unread bytes may be a request.
//!
//! | the server | HTTP/1, after a response | HTTP/1, nothing sent yet | HTTP/2, no stream open |
//! |---|---|---|---|
//! | serves | after `keep_alive_timeout` | after `keep_alive_timeout`, not before `first_byte_grace` | GOAWAY after `keep_alive_timeout`; closes when the peer has answered it, at most `keep_alive_timeout` later |
//! | is in the lame duck, its closes spread | after `idle_quiet`, not before its scheduled time; as while it serves if that is earlier | after `first_byte_grace`, not before its scheduled time; as while it serves if it was accepted after the signal | when the peer has answered GOAWAY |
//! | is in the lame duck otherwise | as while it serves | as while it serves | when the peer has answered GOAWAY |
//! | drains | after `idle_quiet` | after `first_byte_grace` | when the peer has answered GOAWAY, at most `stall_timeout` later; if it sends nothing, after `idle_quiet` |
//! | refuses, at its deadline | immediately | immediately | as while it drains |
//! | cancels | immediately | immediately | immediately |
//!
//! Without a `keep_alive_timeout`, the default, a connection is never closed while the server serves. Over HTTP/2 hyper
//! closes once GOAWAY is answered. Unread bytes postpone every close that this module decides, except at cancellation.
//!
//! "Quiet" counts from when data was last received or sent, which the kernel reports for TCP on Linux. "Spread" is
//! [`announce_over`](crate::http::Server::announce_over).
//!
//! [`ConnState::due`] is this table: it returns the time and the reason. [`Watch::poll_due`] waits for that time in
//! the connection's task, and checks for unread bytes before it closes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::connection::Conn;
use super::stall::FullSocket;
use super::state::{ConnState, Phase};
use crate::http::registry::Order;
use crate::http::settings::Settings;
use crate::runtime::os::socket::Unread;
use crate::util::clock;

/// How soon a connection with unread bytes is checked again; the reactor reports them sooner.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Determines when a connection's task must end it.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(super) conn: Arc<Conn>,
    timer: Option<(Instant, Pin<Box<Sleep>>)>,
    known: bool,
    /// The last observed state of the full socket, and since when it has not changed.
    pub(super) stuck: Option<(FullSocket, Instant)>,
}

/// Why a connection must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DueReason {
    /// It has been idle for long enough. Unread bytes prevent the close.
    Quiet,
    /// The rest of a request's head, a record or a handshake did not arrive in time.
    HalfHead,
    /// The peer has made no progress for too long: everything in flight waits for it.
    Stalled,
    /// The socket accepts no more data; the peer may still read what is in it.
    Blocked,
    /// The peer has sent nothing; it may have disconnected and acknowledge nothing.
    NothingReceived,
    /// No reason to end; only check again.
    Look,
}

/// What determines when a connection must end, beside its state.
#[derive(Clone, Copy, Debug)]
struct DueTerms<'a> {
    order: Order,
    settings: &'a Settings,
    /// When the draining began, and how long a peer may make no progress from then on.
    draining: Option<(Instant, Duration)>,
    /// During the lame duck: when the signal arrived, and from when on the connection may be closed if it is idle.
    leaving: Option<(Instant, Instant)>,
    /// The parser waits for bytes.
    reads: bool,
}

impl ConnState {
    /// Returns when the connection must end if its state does not change; `active` returns when data was last received
    /// or sent.
    fn due(&mut self, terms: DueTerms<'_>, active: impl FnOnce() -> Instant) -> Option<(Instant, DueReason)> {
        let DueTerms { order, settings, draining, leaving, reads } = terms;
        if let Some((began, stall)) = draining
            && (self.is_multiplexed() || self.blocked)
        {
            return if self.requests.is_empty() && !self.blocked {
                self.idle_streams_due(settings, began, stall, active)
            } else {
                self.peer_due(began, stall)
            };
        }
        if let Some((began, stall)) = draining
            && reads
            && let Some(latest) = self.uploading(began)
        {
            return Some((clock::after(latest.max(self.active(active)), stall), DueReason::Stalled));
        }
        if draining.is_none() && self.is_multiplexed() {
            return self.idle_multiplexed_due(settings.keep_alive_timeout?, active);
        }
        if !self.requests.is_empty() || self.blocked {
            return None;
        }
        let hurried = |quiet| if order == Order::Refuse { Duration::ZERO } else { quiet };
        let (after, reason) = match self.phase {
            Phase::HalfHead { .. } | Phase::HalfRecord => {
                return Some((
                    self.beginning_due(settings.header_timeout, draining, active),
                    DueReason::HalfHead,
                ));
            }
            Phase::Opening { .. } => {
                let draining = draining.map(|(began, stall)| (began, stall.min(settings.first_byte_grace)));
                return Some((
                    self.beginning_due(settings.handshake_timeout, draining, active),
                    DueReason::HalfHead,
                ));
            }
            Phase::Silent if draining.is_some() => (hurried(settings.first_byte_grace), DueReason::Quiet),
            Phase::Idle if draining.is_some() => (hurried(settings.idle_quiet), DueReason::Quiet),
            Phase::Silent | Phase::Idle => return self.idle_due(settings, leaving, active),
            _ => return None,
        };
        Some((clock::after(*self.since.get_or_insert_with(active), after), reason))
    }

    /// Returns when an idle connection is closed while the server serves, or in the lame duck, whichever is earlier.
    fn idle_due(
        &mut self,
        settings: &Settings,
        leaving: Option<(Instant, Instant)>,
        active: impl FnOnce() -> Instant,
    ) -> Option<(Instant, DueReason)> {
        if leaving.is_none() && settings.keep_alive_timeout.is_none() {
            return None;
        }
        let since = *self.since.get_or_insert_with(active);
        let leaves = leaving.and_then(|leaving| self.lame_duck_due(settings, leaving, since));
        // Before its first request a connection is not idle: the request may be in transit.
        let least = if self.phase == Phase::Silent { settings.first_byte_grace } else { Duration::ZERO };
        let times_out = settings.keep_alive_timeout.map(|timeout| clock::after(since, timeout.max(least)));
        let at = leaves.into_iter().chain(times_out).min()?;
        Some((at, DueReason::Quiet))
    }

    /// Returns when an idle connection is closed during the lame duck: not before its scheduled time, and not before it
    /// has been quiet. One that has sent no request yet is closed only if it was accepted before the signal.
    fn lame_duck_due(
        &self,
        settings: &Settings,
        (signal, from): (Instant, Instant),
        since: Instant,
    ) -> Option<Instant> {
        let quiet = match self.phase {
            Phase::Silent if since > signal => return None,
            Phase::Silent => settings.first_byte_grace,
            _ => settings.idle_quiet,
        };
        Some(clock::after(since, quiet).max(from))
    }

    /// Returns when a multiplexed connection is asked to end while the server serves, or, once it was asked, closed if
    /// it has not answered. One with a stream is checked again: the end of a stream does not always wake the
    /// connection's task.
    fn idle_multiplexed_due(
        &mut self,
        timeout: Duration,
        active: impl FnOnce() -> Instant,
    ) -> Option<(Instant, DueReason)> {
        let asked = self.streams.as_ref()?.asked;
        if !self.requests.is_empty() || self.blocked {
            // hyper closes a connection that was asked to end with its last stream.
            return asked.is_none().then(|| (clock::after(clock::now(), timeout), DueReason::Look));
        }
        let since = *self.since.get_or_insert_with(active);
        Some((clock::after(asked.map_or(since, |asked| since.max(asked)), timeout), DueReason::Quiet))
    }

    /// Returns when a multiplexed connection without a stream is closed while the server drains. One that was not asked
    /// to end yet is not closed: a request may be in transit.
    fn idle_streams_due(
        &self,
        settings: &Settings,
        draining: Instant,
        stall: Duration,
        active: impl FnOnce() -> Instant,
    ) -> Option<(Instant, DueReason)> {
        let streams = self.streams.as_ref()?;
        let asked = streams.asked?;
        Some(if streams.heard {
            // It ends by itself when the peer has received everything; what is missing may be buffered in hyper, which
            // is unknown here.
            let since = self.since.unwrap_or(draining);
            let active = if self.timed_by_kernel { active() } else { since };
            (clock::after(since.max(draining).max(active), stall), DueReason::Quiet)
        } else {
            let since = self.since.map_or(asked, |since| since.max(asked));
            (clock::after(since, settings.idle_quiet), DueReason::Quiet)
        })
    }
}

impl Conn {
    /// Returns when the connection must end if its state does not change. Called by the connection's task.
    #[inline]
    fn due(&self, order: Order) -> Option<(Instant, DueReason)> {
        let leaving = if order == Order::Announce { self.context.leaves(self.key) } else { None };
        let times_out = leaving.is_some() || self.context.settings.keep_alive_timeout.is_some();
        if order <= Order::Announce && !times_out && !self.timed.load(Ordering::Relaxed) {
            return None;
        }
        let terms = DueTerms {
            order,
            settings: &self.context.settings,
            draining: order
                .is_draining()
                .then(|| (self.context.registry.draining_since(), self.context.stall())),
            leaving,
            reads: self.reads.load(Ordering::Relaxed),
        };
        let due = self.state().due(terms, || self.active());
        self.timed.store(due.is_some(), Ordering::Relaxed);
        due
    }
}

impl Watch {
    pub(crate) fn new(conn: Arc<Conn>) -> Self {
        Self { conn, timer: None, known: false, stuck: None }
    }

    pub(crate) fn conn(&self) -> &Conn {
        &self.conn
    }

    /// Returns a shared reference to the connection.
    pub(crate) fn shared(&self) -> Arc<Conn> {
        Arc::clone(&self.conn)
    }

    /// Returns the server's order for its connections. The caller's task is woken when it changes.
    #[inline]
    pub(crate) fn order(&mut self, cx: &Context<'_>) -> Order {
        // The waker of a spawned task never changes. It is stored before the order is read, and the registry reads it
        // after the order is written: one of the two sees the other.
        if !self.known {
            self.conn.state().set_waker(cx.waker().clone());
            self.known = true;
        }
        self.conn.context.registry.order()
    }

    /// Completes when the close of a multiplexed connection must be announced before the server drains: because the
    /// connection has been idle for too long, or at its scheduled time in the lame duck.
    pub(crate) fn poll_announce(&mut self, order: Order, cx: &mut Context<'_>) -> Poll<()> {
        let announced = (order == Order::Announce).then(|| self.conn.announces_at()).flatten();
        loop {
            let now = clock::now();
            let idle = match self.conn.due(order) {
                Some((at, DueReason::Look)) => Some(self.set_after(now).unwrap_or(at)),
                due => due.map(|(at, _)| at),
            };
            let Some(at) = announced.into_iter().chain(idle).min() else { return Poll::Pending };
            if now >= at {
                return Poll::Ready(());
            }
            ready!(self.poll_timer(at, cx));
        }
    }

    /// Completes when the connection must be dropped as it is. Poll it last, after the connection itself is pending.
    #[inline]
    pub(crate) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let order = self.order(cx);
            if order == Order::Cancel {
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
                DueReason::Blocked => self.full_socket_due(now),
                DueReason::NothingReceived if self.conn.socket.untaken() > 0 => self.full_socket_due(now),
                DueReason::NothingReceived => clock::after(now, self.conn.context.stall()),
                _ => {
                    self.stuck = None;
                    at
                }
            };
            let at = match reason {
                _ if now < at => at,
                DueReason::Quiet if self.conn.socket.unread() == Unread::Bytes => {
                    clock::after(now, LOOK_AGAIN)
                }
                DueReason::Quiet => return Poll::Ready(()),
                DueReason::HalfHead
                | DueReason::Stalled
                | DueReason::Blocked
                | DueReason::NothingReceived => {
                    self.conn.give_up_all();
                    return Poll::Ready(());
                }
                DueReason::Look => self.look_at(now),
            };
            if self.poll_timer(at, cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Returns when to check again: when the timer fires, if it is set.
    fn look_at(&self, now: Instant) -> Instant {
        self.set_after(now).unwrap_or_else(|| clock::after(now, self.conn.context.stall().max(LOOK_AGAIN)))
    }

    /// Returns when the timer fires, if that is in the future.
    fn set_after(&self, now: Instant) -> Option<Instant> {
        self.timer.as_ref().map(|(at, _)| *at).filter(|at| *at > now)
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

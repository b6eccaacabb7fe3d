use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::state::ConnState;
use super::{EndedBy, Opening, Outcome, RequestId, Socket};
use crate::http::Address;
use crate::http::registry::Order;
use crate::http::settings::{ServerContext, share};
use crate::model::{Straggler, part};
use crate::runtime::os::socket::{SocketHandle, Unread};
use crate::util::clock;

/// One open connection, as its task, its requests and the registry see it.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) context: Arc<ServerContext>,
    peer: Address,
    /// Who is behind the peer, if that is a load balancer that says so.
    source: OnceLock<Address>,
    pub(crate) socket: SocketHandle,
    pub(super) key: u64,
    state: Mutex<ConnState>,
    /// Whether the state may know a time for the connection's end while the server serves, to spare the lock.
    pub(super) timed: AtomicBool,
    /// Whether an HTTP/1 request may wait, to spare the lock. Used by the connection's own task.
    waits: AtomicBool,
    /// Whether the parser waits for bytes. Used by the connection's own task.
    pub(super) reads: AtomicBool,
    /// Whether the connection has become a WebSocket whose frames can be followed.
    websocket: AtomicBool,
    /// Whether nothing follows what is still to be written of the last response. Used by the connection's own task.
    last: AtomicBool,
    /// Whether closing the socket resets the connection. Changed under the state's lock.
    resets: AtomicBool,
}

/// Keeps a connection in the registry for as long as its socket is open.
///
/// Purposefully not `Clone`: it lives with the socket, wherever that goes.
#[derive(Debug)]
pub(crate) struct ConnGuard {
    conn: Arc<Conn>,
}

impl Conn {
    /// Returns the address of the client.
    pub(crate) fn peer(&self) -> &Address {
        self.source.get().unwrap_or(&self.peer)
    }

    /// Notes bytes on their way to the parser.
    #[inline]
    pub(super) fn read(&self, bytes: &[u8]) {
        if self.state().read(bytes, clock::now) {
            self.timed.store(true, Ordering::Relaxed);
        }
    }

    /// Notes that what has come so far is not a whole head, whatever it looks like.
    pub(super) fn half_head(&self) {
        self.state().half_head(clock::now());
        self.timed.store(true, Ordering::Relaxed);
    }

    /// Notes that bytes have come of what precedes HTTP.
    pub(super) fn opening(&self, what: Opening) {
        self.state().opening(what, clock::now());
        self.timed.store(true, Ordering::Relaxed);
    }

    /// Notes that HTTP can begin.
    pub(super) fn opened(&self) {
        self.state().opened(clock::now());
    }

    /// Notes whether part of a record has come, behind everything that could be read.
    pub(super) fn half_record(&self, half: bool) {
        self.state().half_record(half, clock::now());
        self.timed.store(true, Ordering::Relaxed);
    }

    /// Notes whom the connection comes from, as the load balancer before us says.
    pub(super) fn introduce(&self, source: Address) {
        let _ = self.source.set(source); // there is one header
    }

    /// Tells whether the response to a request may say that it is the last; see [`ConnState::may_be_last`].
    pub(crate) fn may_be_last(&self, id: RequestId, order: Order) -> bool {
        self.state().may_be_last(id, order, || self.socket.unread() == Unread::Bytes)
    }

    /// Notes that a request waits; see [`ConnState::wait`].
    pub(crate) fn wait(&self, id: RequestId, answering: bool, waker: &Waker) {
        self.waits.store(true, Ordering::Relaxed);
        let mut state = self.state();
        state.wait(id, answering, waker, clock::now());
        // Only after it was noted: either the registry finds the response, or its order is found here.
        if answering && self.context.registry.order() != Order::Serve {
            self.guard(&state);
        }
    }

    /// Notes that only the end of the connection tells where the body of a response ends. Whatever closes the socket before
    /// the body is whole resets the connection, also the end of the process.
    pub(crate) fn ends_response(&self, id: RequestId) {
        let mut state = self.state();
        state.answering(id);
        self.guard(&state);
    }

    /// Notes that the peer of an HTTP/1 connection has part of a response and never gets the rest.
    pub(crate) fn break_off(&self) {
        let mut state = self.state();
        state.break_off();
        self.guard(&state);
    }

    /// Has the connection reset by whatever closes its socket while a response is under way, also by the end of the process.
    pub(crate) fn guard_response(&self) {
        self.guard(&self.state());
    }

    fn guard(&self, state: &ConnState) {
        if state.must_reset() {
            self.set_resets(state, true);
        }
    }

    /// Lets the socket close in order again, if everything has been written that must not be reset.
    #[inline]
    pub(in crate::http) fn flushed(&self) {
        if self.resets.load(Ordering::Relaxed) && !self.state().is_upgraded() {
            self.may_end();
        }
    }

    /// Tells whether the connection may end in order. `false` means that a response is not whole: the close resets it.
    pub(super) fn may_end(&self) -> bool {
        let state = self.state();
        let whole = !state.must_reset();
        if whole {
            self.set_resets(&state, false);
        }
        whole
    }

    /// Sets what a close does. `_state` is proof that its lock is held: the connection's task and the registry both come here.
    fn set_resets(&self, _state: &ConnState, resets: bool) {
        if self.resets.swap(resets, Ordering::Relaxed) != resets {
            self.socket.reset_on_close(resets);
        }
    }

    /// Notes whether the parser waits for bytes.
    #[inline]
    pub(super) fn reads(&self, reads: bool) {
        self.reads.store(reads, Ordering::Relaxed);
    }

    /// Notes that the connection is upgraded to another protocol. A WebSocket has an end of its own, so that its peer can tell
    /// an early end of the connection; of any other protocol the end of the connection may be the only one.
    pub(crate) fn upgrade(&self, websocket: bool) {
        let mut state = self.state();
        let alone = state.upgrade();
        if !websocket {
            state.make_tunnel();
            self.set_resets(&state, true);
        } else if alone {
            self.websocket.store(true, Ordering::Release);
        }
    }

    /// Tells whether the connection is a WebSocket whose frames can be followed.
    #[inline]
    pub(super) fn is_websocket(&self) -> bool {
        self.websocket.load(Ordering::Acquire)
    }

    /// Notes that the response of a stream has begun; see [`ConnState::answer`].
    pub(crate) fn answer(&self, id: RequestId, tunnel: bool) {
        let draining = self.context.registry.order().is_draining();
        self.state().answer(id, tunnel, draining.then(clock::now));
    }

    /// Ends what is in flight here if it is a WebSocket whose peer leaves our close frame unanswered.
    pub(crate) fn give_up_farewell(&self, now: Instant, stall: Duration) {
        let began = self.context.registry.draining_since();
        let unanswered = self.is_websocket() && self.state().is_farewell_unanswered(now, began, stall);
        if unanswered {
            self.give_up_all();
        }
    }

    /// Tells whether one request waits that has come whole, and nothing behind it.
    #[inline]
    pub(super) fn waits_alone(&self) -> bool {
        self.waits.load(Ordering::Relaxed) && self.state().is_alone()
    }

    /// Notes that hyper ends the connection with the response that it has been handed to its end.
    pub(crate) fn end_with_response(&self) {
        self.last.store(true, Ordering::Relaxed);
    }

    /// Tells whether the end of the stream follows what is written now.
    #[inline]
    pub(super) fn ends_with_response(&self) -> bool {
        self.last.load(Ordering::Relaxed)
    }

    /// Ends a request; see [`ConnState::end`].
    #[inline]
    pub(crate) fn end(&self, id: RequestId, outcome: Outcome) {
        let order = self.context.registry.order();
        self.waits.store(false, Ordering::Relaxed);
        if self.state().end(id, outcome, order, clock::now) {
            self.timed.store(true, Ordering::Relaxed);
        }
    }

    /// Ends a request that will not be finished, counted and named as cut.
    pub(crate) fn give_up(&self, id: RequestId) {
        let order = self.context.registry.order();
        let cancelled = self.state().give_up(id, order, self.peer(), clock::now());
        self.context.registry.note_ended(cancelled.into_iter().collect());
    }

    /// Ends what is in flight here because the peer stalls, counted as abandoned by it, and named if that is while the server
    /// drains: before, nothing waits for it.
    pub(crate) fn give_up_all(&self) {
        let stalled = |straggler: Straggler| Straggler {
            name: format!("{} (peer stalled)", straggler.name),
            ..straggler
        };
        let ended: Vec<_> = self.end_all(EndedBy::Peer, clock::now()).into_iter().map(stalled).collect();
        if !self.context.registry.order().is_draining() {
            return;
        }
        for straggler in &ended {
            crate::runtime::log_warn!(name = %straggler.name, age = ?straggler.age, "peer stalled; closing its connection");
        }
        self.context.registry.note_ended(ended);
    }

    /// Tells whether this connection tells its peer now that it will end; asked once the stop signal has come.
    pub(crate) fn announces(&self) -> bool {
        self.context.announces(self.key)
    }

    /// Returns when during the lame duck the peer of a multiplexed connection is told: not before its first request,
    /// or it would come back again and again without ever being served.
    pub(crate) fn announces_at(&self) -> Option<Instant> {
        self.state().has_begun().then(|| self.context.announces_at(self.key)).flatten()
    }

    /// Returns the part of `whole` that falls to a request, so that those of all connections share it evenly.
    pub(crate) fn share(&self, whole: Duration, id: RequestId) -> Duration {
        share(whole, self.key.wrapping_mul(31).wrapping_add(id.number()))
    }

    /// Returns what is in flight here.
    pub(crate) fn stragglers(&self, now: Instant) -> Vec<Straggler> {
        let active = self.active();
        self.state().stragglers(self.peer(), active, now)
    }

    /// Ends what is in flight here; returns it.
    pub(crate) fn end_all(&self, by: EndedBy, now: Instant) -> Vec<Straggler> {
        let active = self.active();
        let mut state = self.state();
        let ended = state.end_all(by, self.peer(), active, now);
        if state.is_tunnel() {
            state.break_off();
        }
        self.guard(&state);
        // The task of an upgraded connection is not ours to end: the socket wakes it.
        if state.is_tunnel() {
            self.socket.abort();
        } else if state.is_upgraded() {
            self.socket.shutdown();
        }
        ended
    }

    /// Returns when data last came or went; now, where the kernel does not say.
    pub(super) fn active(&self) -> Instant {
        let now = clock::now();
        self.socket.quiet().and_then(|quiet| now.checked_sub(quiet)).unwrap_or(now)
    }

    #[inline]
    pub(crate) fn state(&self) -> MutexGuard<'_, ConnState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnGuard {
    /// Enters a connection into the registry.
    pub(crate) fn new(context: &Arc<ServerContext>, socket: &Socket, peer: Address) -> Self {
        let state = Mutex::new(ConnState::new(clock::now(), socket.is_timed_by_kernel()));
        let socket = SocketHandle::new(socket);
        let [timed, waits, reads, websocket, last, resets] = [const { AtomicBool::new(false) }; 6];
        let source = OnceLock::new();
        let enter = |key| {
            Arc::new(Conn {
                context: Arc::clone(context),
                peer,
                source,
                socket,
                key,
                state,
                timed,
                waits,
                reads,
                websocket,
                last,
                resets,
            })
        };
        Self { conn: context.registry.enter(enter) }
    }

    pub(crate) fn conn(&self) -> &Arc<Conn> {
        &self.conn
    }
}

impl Deref for ConnGuard {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl Drop for ConnGuard {
    fn drop(&mut self) {
        let registry = &self.conn.context.registry;
        if self.conn.is_websocket() && registry.order().is_draining() {
            // Its handler may have given it up a little earlier.
            self.conn.give_up_farewell(clock::now(), part(self.conn.context.stall(), 1, 2));
        }
        if registry.order() == Order::Cancel {
            registry.note_ended(self.conn.end_all(EndedBy::Deadline, clock::now()));
        }
        let counts = {
            let mut state = self.conn.state();
            // A task that panics has not ended its tunnel.
            let torn = state.is_tunnel() && std::thread::panicking();
            self.conn.set_resets(&state, state.must_reset() || torn);
            state.close()
        };
        self.conn.socket.release();
        registry.leave(self.conn.key, &counts);
    }
}

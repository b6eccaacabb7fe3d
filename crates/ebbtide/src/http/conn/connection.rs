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

/// One open connection, shared by its task, its requests and the registry.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) context: Arc<ServerContext>,
    peer: Address,
    /// The client's address, if the peer is a load balancer that sends it.
    source: OnceLock<Address>,
    pub(crate) socket: SocketHandle,
    pub(super) key: u64,
    state: Mutex<ConnState>,
    /// Whether the connection may have an end time while the server serves; saves the lock.
    pub(super) timed: AtomicBool,
    /// Whether an HTTP/1 request may wait; saves the lock. Used by the connection's task.
    waits: AtomicBool,
    /// Whether the parser waits for bytes. Used by the connection's task.
    pub(super) reads: AtomicBool,
    /// Whether the connection has become a WebSocket whose frames can be parsed.
    websocket: AtomicBool,
    /// Whether nothing follows what remains to be written of the last response. Used by the connection's task.
    last: AtomicBool,
    /// Whether the connection is to be parked if it is idle.
    parks: AtomicBool,
    /// Whether closing the socket resets the connection. Changed under the state's lock.
    resets: AtomicBool,
}

/// Keeps a connection in the registry for as long as its socket is open.
///
/// Deliberately not `Clone`: it lives with the socket, wherever that is moved.
#[derive(Debug)]
pub(crate) struct ConnGuard {
    conn: Arc<Conn>,
}

impl Conn {
    /// Returns the address of the client.
    pub(crate) fn peer(&self) -> &Address {
        self.source.get().unwrap_or(&self.peer)
    }

    /// Records bytes on their way to the parser.
    #[inline]
    pub(super) fn read(&self, bytes: &[u8]) {
        if self.state().read(bytes, clock::now) {
            self.timed.store(true, Ordering::Relaxed);
        }
    }

    /// Records that the bytes so far are not a whole head, whatever they look like.
    pub(super) fn half_head(&self) {
        self.state().half_head(clock::now());
        self.timed.store(true, Ordering::Relaxed);
    }

    /// Records that bytes of a phase before HTTP have arrived.
    pub(super) fn opening(&self, what: Opening) {
        self.state().opening(what, clock::now());
        self.timed.store(true, Ordering::Relaxed);
    }

    /// Records that HTTP can begin.
    pub(super) fn opened(&self) {
        self.state().opened(clock::now());
    }

    /// Records whether an incomplete record has arrived after everything that could be read.
    pub(super) fn half_record(&self, half: bool) {
        self.state().half_record(half, clock::now());
        self.timed.store(true, Ordering::Relaxed);
    }

    /// Records the client's address that the load balancer's header declares.
    pub(super) fn set_source(&self, source: Address) {
        let _ = self.source.set(source); // there is one header
    }

    /// Returns whether the response to a request may announce the close; see [`ConnState::may_be_last`].
    pub(crate) fn may_be_last(&self, id: RequestId, order: Order) -> bool {
        self.state().may_be_last(id, order, || self.socket.unread() == Unread::Bytes)
    }

    /// Records that a request waits; see [`ConnState::wait`].
    pub(crate) fn wait(&self, id: RequestId, answering: bool, waker: &Waker) {
        self.waits.store(true, Ordering::Relaxed);
        let mut state = self.state();
        state.wait(id, answering, waker, clock::now());
        // Only after it was recorded: either the registry finds the response, or its order is found here.
        if answering && self.context.registry.order() != Order::Serve {
            self.guard(&state);
        }
    }

    /// Records that only the end of the connection shows where the body of a response ends. If the socket is closed
    /// before the body is whole, the connection is reset, also at the end of the process.
    pub(crate) fn ends_response(&self, id: RequestId) {
        let mut state = self.state();
        state.answering(id);
        self.guard(&state);
    }

    /// Records that the peer of an HTTP/1 connection has part of a response and never gets the rest.
    pub(crate) fn break_off(&self) {
        let mut state = self.state();
        state.break_off();
        self.guard(&state);
    }

    /// Adds the wakers of the tasks that an increase to this order affects. From then on the connection is reset if its
    /// socket is closed while a response is in progress: the process may exit at any time, for example after a second
    /// signal.
    pub(crate) fn raise(&self, order: Order, wakers: &mut Vec<Waker>) {
        let state = self.state();
        self.guard(&state);
        state.wakers(order, wakers);
    }

    fn guard(&self, state: &ConnState) {
        if state.must_reset() {
            self.set_resets(state, true);
        }
    }

    /// Allows the socket to close cleanly again, if everything that required a reset has been written.
    #[inline]
    pub(in crate::http) fn flushed(&self) {
        if self.resets.load(Ordering::Relaxed) && !self.state().is_upgraded() {
            self.may_end();
        }
    }

    /// Returns whether the connection may end cleanly. `false` means that a response is incomplete: the close resets
    /// it.
    pub(super) fn may_end(&self) -> bool {
        let state = self.state();
        let whole = !state.must_reset();
        if whole {
            self.set_resets(&state, false);
        }
        whole
    }

    /// Sets the effect of a close. `_state` proves that its lock is held: both the connection's task and the registry
    /// call this.
    fn set_resets(&self, _state: &ConnState, resets: bool) {
        if self.resets.swap(resets, Ordering::Relaxed) != resets {
            self.socket.reset_on_close(resets);
        }
    }

    /// Records whether the parser waits for bytes.
    #[inline]
    pub(super) fn reads(&self, reads: bool) {
        self.reads.store(reads, Ordering::Relaxed);
    }

    /// Records that the connection is upgraded to another protocol. A WebSocket ends with a close frame, so that its
    /// peer can detect an early end of the connection; any other protocol may have no other end than that of the
    /// connection.
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

    /// Returns whether the connection is a WebSocket whose frames can be parsed.
    #[inline]
    pub(super) fn is_websocket(&self) -> bool {
        self.websocket.load(Ordering::Acquire)
    }

    /// Records that the response of a stream has begun; see [`ConnState::answer`].
    pub(crate) fn answer(&self, id: RequestId, tunnel: bool) {
        let draining = self.context.registry.order().is_draining();
        self.state().answer(id, tunnel, draining.then(clock::now));
    }

    /// Ends what is in flight here if it is a WebSocket whose peer does not answer the server's close frame.
    pub(crate) fn end_unanswered_close(&self, now: Instant, stall: Duration) {
        let began = self.context.registry.draining_since();
        let unanswered = self.is_websocket() && self.state().is_close_unanswered(now, began, stall);
        if unanswered {
            self.give_up_all();
        }
    }

    /// Returns whether one request waits that has arrived whole, and nothing after it.
    #[inline]
    pub(super) fn waits_alone(&self) -> bool {
        self.waits.load(Ordering::Relaxed) && self.state().is_alone()
    }

    /// Records that hyper ends the connection with the response that was passed to it completely.
    pub(crate) fn end_with_response(&self) {
        self.last.store(true, Ordering::Relaxed);
    }

    /// Returns whether the end of the stream follows what is written now.
    #[inline]
    pub(super) fn ends_with_response(&self) -> bool {
        self.last.load(Ordering::Relaxed)
    }

    /// Asks the connection's task to park it if it has been idle since the last call; returns the task's waker.
    pub(crate) fn park(&self) -> Option<Waker> {
        let waker = self.state().rests()?;
        self.parks.store(true, Ordering::Relaxed);
        Some(waker)
    }

    /// Returns whether the connection parks now. Called by the connection's task.
    #[inline]
    pub(crate) fn parks(&self) -> bool {
        self.parks.load(Ordering::Relaxed) && {
            self.parks.store(false, Ordering::Relaxed);
            self.state().park()
        }
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

    /// Ends a request that will not finish, counted and reported as cancelled.
    pub(crate) fn give_up(&self, id: RequestId) {
        let order = self.context.registry.order();
        let cancelled = self.state().give_up(id, order, self.peer(), clock::now());
        self.context.registry.record_ended(cancelled.into_iter().collect());
    }

    /// Ends what is in flight here because the peer stalls, counted as abandoned by the peer. It is reported by name
    /// only while the server drains: before, nothing waits for it.
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
        self.context.registry.record_ended(ended);
    }

    /// Returns whether this connection announces its close now; call it only after the stop signal.
    pub(crate) fn announces(&self) -> bool {
        self.context.announces(self.key)
    }

    /// Returns when during the lame duck the close of a multiplexed connection is announced: not before its first
    /// request, or the client would reconnect repeatedly without ever being served.
    pub(crate) fn announces_at(&self) -> Option<Instant> {
        self.state().has_begun().then(|| self.context.announces_at(self.key)).flatten()
    }

    /// Returns a request's position within `whole`, so that the requests of all connections are spread evenly over it.
    pub(crate) fn share(&self, whole: Duration, id: RequestId) -> Duration {
        share(whole, self.key.wrapping_mul(31).wrapping_add(id.number()))
    }

    /// Returns what is in flight here.
    pub(crate) fn stragglers(&self, now: Instant) -> Vec<Straggler> {
        let active = self.active();
        self.state().stragglers(self.peer(), active, now)
    }

    /// Ends what is in flight here and returns it.
    pub(crate) fn end_all(&self, by: EndedBy, now: Instant) -> Vec<Straggler> {
        let active = self.active();
        let mut state = self.state();
        let ended = state.end_all(by, self.peer(), active, now);
        if state.is_tunnel() {
            state.break_off();
        }
        self.guard(&state);
        // The server does not own the task of an upgraded connection: the socket wakes it.
        if state.is_tunnel() {
            self.socket.abort();
        } else if state.is_upgraded() {
            self.socket.shutdown();
        }
        ended
    }

    /// Returns when data was last received or sent; now, if the kernel does not report it.
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
    /// Registers a connection.
    pub(crate) fn new(context: &Arc<ServerContext>, socket: &Socket, peer: Address) -> Self {
        let state = Mutex::new(ConnState::new(clock::now(), socket.is_timed_by_kernel()));
        let socket = SocketHandle::new(socket);
        let [timed, waits, reads, websocket, last, parks, resets] = [const { AtomicBool::new(false) }; 7];
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
                parks,
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
            // Its handler may have stopped waiting a little earlier.
            self.conn.end_unanswered_close(clock::now(), part(self.conn.context.stall(), 1, 2));
        }
        if registry.order() == Order::Cancel {
            registry.record_ended(self.conn.end_all(EndedBy::Deadline, clock::now()));
        }
        let counts = {
            let mut state = self.conn.state();
            // A task that panics has not ended its tunnel properly.
            let torn = state.is_tunnel() && std::thread::panicking();
            self.conn.set_resets(&state, state.must_reset() || torn);
            state.close()
        };
        self.conn.socket.release();
        registry.leave(self.conn.key, &counts);
    }
}

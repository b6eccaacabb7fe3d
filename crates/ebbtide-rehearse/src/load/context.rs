//! The stage and the limits that all clients of a run share, and the function that sends each request.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::engine::Gauge;
use super::limits::Limits;
use crate::clock::{At, Clock};
use crate::record::{Answer, Endpoint, Meaning, Outcome, Request, Shape, Traffic};
use crate::wire::{
    Address, Connection, Exchange, NoConnection, RequestResult, RequestSpec, Silence, Socket, no_connection,
};

/// The shared state of all clients of a run. It stays on the load's thread.
pub(super) struct ClientContext {
    pub(super) clock: Clock,
    pub(super) stage: watch::Receiver<Stage>,
    pub(super) traffic: RefCell<Traffic>,
    pub(super) gauge: Arc<Gauge>,
    /// When the platform stops routing new connections to the service.
    pub(super) routed_until: Arc<AtomicU64>,
    pub(super) request_limit: Duration,
    pub(super) connect_limit: Duration,
    pub(super) bound: u64,
    pub(super) next_id: Cell<u64>,
}

/// The stages of the load, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Stage {
    /// Before the signal.
    Running,
    /// The signal will be sent soon: prepare the connections of the protocol phases.
    Bracing,
    /// The signal was sent; the load continues.
    Signalled,
    /// Send nothing new; wait for the requests in flight.
    Stopping,
    /// Stop waiting.
    Abandoned,
}

/// What a client does after a request.
pub(super) enum NextStep {
    /// Send the next request on this connection.
    Kept(Connection),
    /// Answered or lost; the connection has closed.
    Over,
    /// The connection was refused, is no longer routed, or a client-side resource is exhausted: wait before the next try.
    Unreachable,
    /// The kept connection had been closed while idle; nothing was sent. Send on a new one.
    Stale,
    /// The maximum number of requests is reached.
    Bound,
}

impl ClientContext {
    /// Returns whether new requests may be sent.
    pub(super) fn wanted(&self) -> bool {
        *self.stage.borrow() < Stage::Stopping
    }

    /// Returns whether new connections may be opened.
    pub(super) fn is_routed(&self) -> bool {
        self.clock.now() < At(self.routed_until.load(Ordering::Relaxed))
    }

    /// Waits until the run has reached `stage`.
    pub(super) async fn until(&self, stage: Stage) {
        let mut changes = self.stage.clone();
        // An error means that the sender was dropped: no further stage will come.
        let _gone = changes.wait_for(|now| *now >= stage).await;
    }

    /// Waits for `time`, or until no new requests may be sent.
    pub(super) async fn pause(&self, time: Duration) {
        tokio::select! {
            () = sleep(time) => {}
            () = self.until(Stage::Stopping) => {}
        }
    }

    /// Returns the number of the next request. `None`: the maximum is reached.
    pub(super) fn number(&self) -> Option<u64> {
        let id = self.next_id.get();
        if id >= self.bound {
            self.traffic.borrow_mut().bound_reached.get_or_insert(self.clock.now());
            return None;
        }
        self.next_id.set(id + 1);
        Some(id)
    }

    /// Opens a connection within the limits.
    pub(super) async fn connect(
        &self,
        to: &Address,
        before_tls: &Silence,
    ) -> Result<Connection, NoConnection> {
        tokio::select! {
            biased;
            opened = Connection::open(to, self.clock.now(), before_tls) => opened,
            () = sleep(self.connect_limit) => Err(NoConnection::Outcome(Outcome::ConnectTimeout)),
            () = self.until(Stage::Abandoned) => Err(NoConnection::Outcome(Outcome::ConnectTimeout)),
        }
    }

    /// Returns the limits of a client.
    pub(super) fn limits(&self) -> Limits {
        Limits::new(self.clock, &self.stage)
    }

    /// Sends one request: on `kept` if there is one, else on a new connection. `due` is the time at which it was due.
    pub(super) async fn ask(
        &self,
        limits: &mut Limits,
        shape: Shape,
        to: &Address,
        kept: Option<Connection>,
        mut spec: RequestSpec,
        due: Option<At>,
    ) -> NextStep {
        if let Some(connection) = kept.as_ref().filter(|connection| !connection.may_send()) {
            self.left_idle(connection);
            return NextStep::Stale;
        }
        if kept.is_none() && !self.is_routed() {
            return NextStep::Unreachable;
        }
        let Some(id) = self.number() else { return NextStep::Bound };
        let mut pending = self.pending(id, shape, to, spec.take_label());
        pending.due = due.unwrap_or(pending.begun);
        self.gauge.in_flight.fetch_add(1, Ordering::Relaxed);
        let next = self.ask_on(limits, to, kept, spec, &mut pending).await;
        self.gauge.in_flight.fetch_sub(1, Ordering::Relaxed);
        next
    }

    async fn ask_on(
        &self,
        limits: &mut Limits,
        to: &Address,
        kept: Option<Connection>,
        spec: RequestSpec,
        pending: &mut PendingRequest,
    ) -> NextStep {
        let mut connection = match kept {
            Some(connection) => connection,
            None => match self.connect(to, &pending.silence).await {
                Ok(connection) => connection,
                Err(none) => match none.outcome() {
                    Ok(outcome) => {
                        let seen = RequestResult { sent: false, ..RequestResult::without_answer(outcome) };
                        self.record(pending, &seen, None);
                        return NextStep::Unreachable;
                    }
                    Err(error) => return self.trouble(&error),
                },
            },
        };
        (pending.fresh, pending.opened) = (connection.is_fresh(), connection.opened());
        pending.silence = connection.silence().clone();
        pending.connected = Some(self.clock.now());
        let keep_body = spec.keep_body;
        let request = match spec.request(to, Some(pending.id)) {
            Ok(request) => request,
            Err(error) => return self.trouble(&io::Error::other(error)),
        };
        let exchange = tokio::select! {
            biased;
            exchange = connection.exchange(request, keep_body) => exchange,
            () = limits.passed(self.limit(pending.shape)) => Exchange::Ended(RequestResult::without_answer(Outcome::TimedOut)),
        };
        match exchange {
            Exchange::NotSent => {
                self.left_idle(&connection);
                NextStep::Stale
            }
            Exchange::Ended(seen) => {
                let created = seen.outcome == (Outcome::Answered { status: 201 });
                self.record(pending, &seen, (created && keep_body).then(|| order_id(&seen.body)).flatten());
                if seen.answer.is_none() {
                    return NextStep::Over;
                }
                if connection.kept().await {
                    return NextStep::Kept(connection);
                }
                if seen.answer.is_some_and(|answer| answer.keeps) {
                    self.left_idle(&connection);
                    connection.let_peer_close().await;
                } else {
                    self.leave(connection).await;
                }
                NextStep::Over
            }
        }
    }

    /// Counts a kept connection that cannot be used again, before anything of the next request was written.
    pub(super) fn left_idle(&self, connection: &Connection) {
        match connection.has_unasked() {
            true => self.count_unasked(),
            false => self.traffic.borrow_mut().idle_closed += 1,
        }
    }

    /// Counts a kept connection with bytes that no request had asked for.
    pub(super) fn count_unasked(&self) {
        let mut traffic = self.traffic.borrow_mut();
        traffic.unasked += 1;
        traffic.unasked_after += u64::from(*self.stage.borrow() >= Stage::Signalled);
    }

    /// Leaves a connection that carries no further request to the service, and counts it if bytes come that none asked for.
    pub(super) async fn leave(&self, connection: Connection) {
        let has_unasked = connection.let_peer_close().await;
        self.traffic.borrow_mut().unasked += u64::from(has_unasked);
    }

    /// Opens a socket within the limits for a request that its client writes itself. `Err` is the outcome if there is none, or nothing if the
    /// client has a trouble of its own.
    pub(super) async fn socket(
        &self,
        to: &Address,
        pending: &mut PendingRequest,
    ) -> Result<Socket, Option<RequestResult>> {
        let unsent = |outcome| RequestResult { sent: false, ..RequestResult::without_answer(outcome) };
        let opened = tokio::select! {
            biased;
            opened = Socket::connect_observed(to, &pending.silence) => opened.map_err(no_connection),
            () = sleep(self.connect_limit) => Err(NoConnection::Outcome(Outcome::ConnectTimeout)),
            () = self.until(Stage::Abandoned) => Err(NoConnection::Outcome(Outcome::ConnectTimeout)),
        };
        match opened.map_err(NoConnection::outcome) {
            Ok(socket) => {
                pending.connected = Some(self.clock.now());
                pending.silence = socket.silence().clone();
                Ok(socket)
            }
            Err(Ok(outcome)) => Err(Some(unsent(outcome))),
            Err(Err(error)) => {
                self.trouble(&error);
                Err(None)
            }
        }
    }

    /// Waits until a response is late.
    pub(super) async fn late(&self) {
        self.limits().passed(Some(self.request_limit)).await;
    }

    /// Returns how long a response of `shape` may take. A stream of events has no limit.
    fn limit(&self, shape: Shape) -> Option<Duration> {
        (shape != Shape::Events).then_some(self.request_limit)
    }

    /// Returns request `id` as it begins now.
    pub(super) fn pending(&self, id: u64, shape: Shape, to: &Address, route: Box<str>) -> PendingRequest {
        let begun = self.clock.now();
        let to = to.socket.clone();
        PendingRequest {
            id,
            shape,
            to,
            route,
            fresh: true,
            opened: begun,
            due: begun,
            begun,
            connected: None,
            silence: Silence::default(),
        }
    }

    /// Records one request.
    pub(super) fn write(&self, request: Request) {
        let counter = match request.meaning() {
            Meaning::Served => &self.gauge.answered,
            Meaning::Safe => &self.gauge.refused,
            Meaning::Lost | Meaning::Ambiguous => &self.gauge.lost,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.traffic.borrow_mut().requests.push(request);
    }

    /// Records the end of a request, whose route is taken out of it.
    pub(super) fn record(&self, pending: &mut PendingRequest, seen: &RequestResult, order: Option<Box<str>>) {
        self.write(Request {
            id: pending.id,
            shape: pending.shape,
            phase: None,
            to: pending.to.clone(),
            route: std::mem::take(&mut pending.route),
            fresh: pending.fresh,
            opened: pending.opened,
            due: pending.due,
            begun: pending.begun,
            connected: pending.connected,
            silent_ms: pending.silence.if_late().filter(|_| pending.fresh),
            sent: seen.sent,
            ended: self.clock.now(),
            outcome: seen.outcome,
            answer: seen.answer.map(|answer| asked(answer, pending.shape)),
            progress: seen.progress,
            order,
        });
    }

    pub(super) fn trouble(&self, error: &io::Error) -> NextStep {
        let mut traffic = self.traffic.borrow_mut();
        traffic.trouble += 1;
        traffic.last_trouble = Some(error.to_string());
        NextStep::Unreachable
    }
}

/// What is known of a request before it ends.
pub(super) struct PendingRequest {
    id: u64,
    shape: Shape,
    to: Endpoint,
    route: Box<str>,
    pub(super) fresh: bool,
    pub(super) opened: At,
    due: At,
    begun: At,
    pub(super) connected: Option<At>,
    /// That of a new connection.
    silence: Silence,
}

/// Returns `answer` as that to a request of `shape`, which may ask for no stream of events.
fn asked(answer: Answer, shape: Shape) -> Answer {
    Answer { event_stream: answer.event_stream.filter(|_| shape == Shape::Events), ..answer }
}

/// The `id` in the acknowledgement of an order.
fn order_id(body: &[u8]) -> Option<Box<str>> {
    match serde_json::from_slice::<serde_json::Value>(body).ok()?.get("id")? {
        serde_json::Value::String(id) => Some(id.as_str().into()),
        serde_json::Value::Number(id) => Some(id.to_string().into()),
        _ => None,
    }
}

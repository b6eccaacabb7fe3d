//! What all clients of a run share, and the one way in which a client asks.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::engine::{Address, Gauge};
use super::stage::Stage;
use crate::clock::{At, Clock};
use crate::record::{Meaning, Outcome, Request, Shape, Traffic};
use crate::wire::{Connection, Exchange, NoConnection, Seen, Wish};

/// The clients' common ground. Lives on the load's own thread.
pub(super) struct Crew {
    pub(super) clock: Clock,
    pub(super) stage: watch::Receiver<Stage>,
    pub(super) traffic: RefCell<Traffic>,
    pub(super) gauge: Arc<Gauge>,
    pub(super) request_limit: Duration,
    pub(super) connect_limit: Duration,
    pub(super) bound: u64,
    pub(super) next_id: Cell<u64>,
}

/// What a client may do after it asked.
pub(super) enum Turn {
    /// Ask again on this connection.
    Kept(Connection),
    /// Answered or lost; the connection is gone.
    Over,
    /// Nobody listens, or something is short on our side: wait a little.
    Unreachable,
    /// The kept connection had been closed while idle; nothing was sent. Ask on a new one.
    Stale,
    /// The bound on the number of requests is reached.
    Bound,
}

impl Crew {
    /// Whether new requests are wanted.
    pub(super) fn wanted(&self) -> bool {
        *self.stage.borrow() < Stage::Stopping
    }

    /// Waits until the run has reached `stage`.
    pub(super) async fn until(&self, stage: Stage) {
        let mut changes = self.stage.clone();
        // An error means that whoever ran the load is gone, and with it every stage to come.
        let _gone = changes.wait_for(|now| *now >= stage).await;
    }

    /// Waits for `time`, or until no new requests are wanted.
    pub(super) async fn pause(&self, time: Duration) {
        tokio::select! {
            () = sleep(time) => {}
            () = self.until(Stage::Stopping) => {}
        }
    }

    /// The next request's number. `None`: the bound is reached.
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
    pub(super) async fn connect(&self, to: &Address) -> Result<Connection, NoConnection> {
        tokio::select! {
            biased;
            opened = Connection::open(to.socket, self.clock.now()) => opened,
            () = sleep(self.connect_limit) => Err(NoConnection::Outcome(Outcome::ConnectTimeout)),
            () = self.until(Stage::Abandoned) => Err(NoConnection::Outcome(Outcome::ConnectTimeout)),
        }
    }

    /// Asks once: on `kept` if there is one, else on a new connection. `due` is when it should have been asked.
    pub(super) async fn ask(
        &self,
        shape: Shape,
        to: &Address,
        kept: Option<Connection>,
        wish: Wish,
        due: Option<At>,
    ) -> Turn {
        if kept.as_ref().is_some_and(|connection| !connection.still_open()) {
            self.traffic.borrow_mut().idle_closed += 1;
            return Turn::Stale;
        }
        let Some(id) = self.number() else { return Turn::Bound };
        let begun = self.clock.now();
        self.gauge.in_flight.fetch_add(1, Ordering::Relaxed);
        let mut note = Note {
            id,
            shape,
            to: to.socket,
            route: wish.label(),
            fresh: true,
            opened: begun,
            due: due.unwrap_or(begun),
            begun,
            connected: None,
        };
        let turn = self.ask_on(to, kept, wish, &mut note).await;
        self.gauge.in_flight.fetch_sub(1, Ordering::Relaxed);
        turn
    }

    async fn ask_on(&self, to: &Address, kept: Option<Connection>, wish: Wish, note: &mut Note) -> Turn {
        let mut connection = match kept {
            Some(connection) => connection,
            None => match self.connect(to).await {
                Ok(connection) => connection,
                Err(NoConnection::Outcome(outcome)) => {
                    let seen = Seen { sent: false, ..Seen::without_answer(outcome) };
                    self.record(note, &seen, None);
                    return Turn::Unreachable;
                }
                Err(NoConnection::Trouble(error)) => return self.trouble(&error),
            },
        };
        (note.fresh, note.opened) = (connection.is_fresh(), connection.opened());
        note.connected = Some(self.clock.now());
        let keep_body = wish.keep_body;
        let request = match wish.request(&to.authority, Some(note.id)) {
            Ok(request) => request,
            Err(error) => return self.trouble(&io::Error::other(error)),
        };
        let exchange = tokio::select! {
            biased;
            exchange = connection.exchange(request, keep_body) => exchange,
            () = sleep(self.request_limit) => Exchange::Ended(Seen::without_answer(Outcome::TimedOut)),
            () = self.until(Stage::Abandoned) => Exchange::Ended(Seen::without_answer(Outcome::TimedOut)),
        };
        match exchange {
            Exchange::NotSent => {
                self.traffic.borrow_mut().idle_closed += 1;
                Turn::Stale
            }
            Exchange::Ended(seen) => {
                let created = seen.outcome == (Outcome::Answered { status: 201 });
                self.record(note, &seen, (created && keep_body).then(|| order_id(&seen.body)).flatten());
                if seen.answer.is_none() {
                    return Turn::Over;
                }
                if connection.kept().await {
                    return Turn::Kept(connection);
                }
                connection.let_peer_close().await;
                Turn::Over
            }
        }
    }

    /// Writes one request down.
    pub(super) fn write(&self, request: Request) {
        let counter = match request.meaning() {
            Meaning::Served => &self.gauge.answered,
            Meaning::Safe => &self.gauge.refused,
            Meaning::Lost | Meaning::Ambiguous => &self.gauge.lost,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.traffic.borrow_mut().requests.push(request);
    }

    fn record(&self, note: &Note, seen: &Seen, order: Option<Box<str>>) {
        self.write(Request {
            id: note.id,
            shape: note.shape,
            phase: None,
            to: note.to,
            route: note.route.clone(),
            fresh: note.fresh,
            opened: note.opened,
            due: note.due,
            begun: note.begun,
            connected: note.connected,
            sent: seen.sent,
            ended: self.clock.now(),
            outcome: seen.outcome,
            answer: seen.answer,
            order,
        });
    }

    fn trouble(&self, error: &io::Error) -> Turn {
        let mut traffic = self.traffic.borrow_mut();
        traffic.trouble += 1;
        traffic.last_trouble = Some(error.to_string());
        Turn::Unreachable
    }
}

/// What is known of a request before it ends.
struct Note {
    id: u64,
    shape: Shape,
    to: SocketAddr,
    route: Box<str>,
    fresh: bool,
    opened: At,
    due: At,
    begun: At,
    connected: Option<At>,
}

/// The `id` in the acknowledgement of an order.
fn order_id(body: &[u8]) -> Option<Box<str>> {
    match serde_json::from_slice::<serde_json::Value>(body).ok()?.get("id")? {
        serde_json::Value::String(id) => Some(id.as_str().into()),
        serde_json::Value::Number(id) => Some(id.to_string().into()),
        _ => None,
    }
}

//! One connection held in one phase of the protocol when the signal comes, and finished shortly after.

use std::io;
use std::time::Duration;

use http::Method;
use tokio::time::{sleep, timeout};

use super::crew::Crew;
use super::engine::Address;
use super::stage::Stage;
use crate::clock::At;
use crate::record::{Close, Held, Outcome, Phase, Request, Shape};
use crate::scenario::Route;
use crate::wire::{Raw, Seen, Socket, raw_request};

/// How long after the signal the client goes on.
const GOES_ON: Duration = Duration::from_millis(150);
/// How long a slow request in these phases takes: from before the signal until well after it.
const SLOW: Duration = Duration::from_millis(700);
/// How long a phase may take to come about.
const PREPARE: Duration = Duration::from_millis(500);

/// Holds one connection in `phase` along `route`; an `Err` there says why the phase cannot be tried.
pub(super) async fn hold(crew: &Crew, phase: Phase, route: Result<(Route, Address), String>) {
    let seat = match route {
        Ok((route, to)) => Seat { crew, phase, route, to },
        Err(why) => return note(crew, phase, Err(why), false),
    };
    seat.crew.until(Stage::Bracing).await;
    if !crew.wanted() {
        return;
    }
    if phase == Phase::AfterSignal {
        return seat.come_late().await;
    }
    match timeout(PREPARE, seat.prepare()).await {
        Ok(Ok(ready)) => seat.finish(ready).await,
        Ok(Err(why)) => note(crew, phase, Err(why), false),
        Err(_) => note(crew, phase, Err("did not come about in time".into()), false),
    }
}

/// What a phase needs.
struct Seat<'a> {
    crew: &'a Crew,
    phase: Phase,
    route: Route,
    to: Address,
}

/// A connection in its phase, and what is still to be written on it.
struct Ready {
    raw: Raw,
    rest: Vec<u8>,
    /// When the first byte of the request was written, if one was.
    begun: Option<At>,
    line: Line,
    id: u64,
    /// The request that is pipelined behind it.
    second: Option<u64>,
}

/// What is known of the connection that a request goes over.
#[derive(Clone, Copy)]
struct Line {
    opened: At,
    connected: At,
    fresh: bool,
}

impl Seat<'_> {
    /// Brings a connection into the phase.
    async fn prepare(&self) -> Result<Ready, String> {
        let opened = self.crew.clock.now();
        let socket =
            Socket::connect(self.to.socket).await.map_err(|error| format!("no connection: {error}"))?;
        let mut line = Line { opened, connected: self.crew.clock.now(), fresh: true };
        let mut raw = Raw::new(socket);
        if matches!(self.phase, Phase::Idle | Phase::SecondHalfSent) {
            self.first_exchange(&mut raw, line).await?;
            line.fresh = false;
        }
        let id = self.number()?;
        let request = raw_request(&self.route, &self.to.authority, id, SLOW);
        let now = match self.phase {
            Phase::Silent | Phase::Idle | Phase::AfterSignal => 0,
            Phase::HalfHead | Phase::SecondHalfSent => request.head / 2,
            Phase::HalfBody => usize::midpoint(request.head, request.bytes.len()),
            Phase::Awaiting | Phase::HalfRead | Phase::Pipelined => request.bytes.len(),
        };
        let (now, rest) = request.bytes.split_at(now);
        let begun = (!now.is_empty()).then(|| self.crew.clock.now());
        raw.write(now).await.map_err(|error| format!("cannot write: {error}"))?;
        if self.phase == Phase::HalfRead {
            raw.first_byte().await.map_err(|error| format!("cannot read: {error}"))?;
        }
        let second = if self.phase == Phase::Pipelined { Some(self.number()?) } else { None };
        if let Some(second) = second {
            let second = raw_request(&self.route, &self.to.authority, second, Duration::ZERO);
            raw.write(&second.bytes).await.map_err(|error| format!("cannot write: {error}"))?;
        }
        Ok(Ready { raw, rest: rest.to_vec(), begun, line, id, second })
    }

    /// The first request of a connection that is then kept.
    async fn first_exchange(&self, raw: &mut Raw, line: Line) -> Result<(), String> {
        let id = self.number()?;
        let begun = self.crew.clock.now();
        let first = raw_request(&self.route, &self.to.authority, id, Duration::ZERO);
        raw.write(&first.bytes).await.map_err(|error| format!("cannot write: {error}"))?;
        let seen = raw.answer(self.is_head()).await;
        let keeps = seen.answer.is_some_and(|answer| answer.keeps);
        self.write(id, line, begun, &seen);
        if !keeps { Err("the service keeps no connections".into()) } else { Ok(()) }
    }

    /// Waits for the signal, goes on a little later, and reads what comes.
    async fn finish(&self, mut ready: Ready) {
        self.crew.until(Stage::Signalled).await;
        if ready.raw.closed() {
            note(self.crew, self.phase, Err("closed before the signal".into()), ready.begun.is_none());
            if let Some(begun) = ready.begun {
                let seen = self.read(&mut ready.raw).await;
                self.write(ready.id, ready.line, begun, &Seen { sent: ready.rest.is_empty(), ..seen });
            }
            return;
        }
        sleep(GOES_ON).await;
        // An honest client looks before it writes on.
        let closed = ready.raw.closed();
        if ready.begun.is_none() && closed {
            return note(self.crew, self.phase, Ok(()), true);
        }
        let begun = ready.begun.unwrap_or_else(|| self.crew.clock.now());
        // What a failed write means is told by the reading that follows.
        let sent = ready.rest.is_empty() || (!closed && ready.raw.write(&ready.rest).await.is_ok());
        let seen = Seen { sent, ..self.read(&mut ready.raw).await };
        let announced = seen.answer.is_some_and(|answer| !answer.keeps);
        self.write(ready.id, ready.line, begun, &seen);
        // RFC 9112 §9.6: what was pipelined behind an announced close was not processed and may be sent again.
        note(self.crew, self.phase, Ok(()), ready.second.is_some() && announced);
        if let Some(second) = ready.second
            && !announced
        {
            let seen = self.read(&mut ready.raw).await;
            self.write(second, Line { fresh: false, ..ready.line }, begun, &seen);
        }
    }

    /// Connects only after the signal.
    async fn come_late(&self) {
        self.crew.until(Stage::Signalled).await;
        sleep(GOES_ON).await;
        let Ok(id) = self.number() else { return };
        let begun = self.crew.clock.now();
        let limit = self.crew.connect_limit;
        let opened = timeout(limit, Socket::connect(self.to.socket)).await;
        let line = Line { opened: begun, connected: self.crew.clock.now(), fresh: true };
        let seen = match opened {
            Err(_) => unsent(Outcome::ConnectTimeout),
            Ok(Err(error)) => match error.kind() {
                io::ErrorKind::ConnectionRefused => unsent(Outcome::Refused),
                io::ErrorKind::TimedOut => unsent(Outcome::ConnectTimeout),
                // The handshake was done.
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected => {
                    unsent(Outcome::ClosedBeforeSend { close: Close::Reset })
                }
                _ => return note(self.crew, self.phase, Err(format!("no connection: {error}")), false),
            },
            Ok(Ok(socket)) => {
                let mut raw = Raw::new(socket);
                let request = raw_request(&self.route, &self.to.authority, id, Duration::ZERO);
                let sent = raw.write(&request.bytes).await.is_ok();
                Seen { sent, ..self.read(&mut raw).await }
            }
        };
        note(self.crew, self.phase, Ok(()), false);
        self.write(id, line, begun, &seen);
    }

    async fn read(&self, raw: &mut Raw) -> Seen {
        tokio::select! {
            biased;
            seen = raw.answer(self.is_head()) => seen,
            () = sleep(self.crew.request_limit) => Seen::without_answer(Outcome::TimedOut),
            () = self.crew.until(Stage::Abandoned) => Seen::without_answer(Outcome::TimedOut),
        }
    }

    fn is_head(&self) -> bool {
        self.route.method == Method::HEAD
    }

    fn number(&self) -> Result<u64, String> {
        self.crew.number().ok_or_else(|| "the bound on the number of requests was reached".into())
    }

    fn write(&self, id: u64, line: Line, begun: At, seen: &Seen) {
        let reached = !matches!(seen.outcome, Outcome::Refused | Outcome::ConnectTimeout);
        self.crew.write(Request {
            id,
            shape: Shape::Phases,
            phase: Some(self.phase),
            to: self.to.socket,
            route: self.route.label().into(),
            fresh: line.fresh,
            opened: line.opened,
            due: begun,
            begun,
            connected: reached.then_some(line.connected),
            sent: seen.sent,
            ended: self.crew.clock.now(),
            outcome: seen.outcome,
            answer: seen.answer,
            order: None,
        });
    }
}

fn unsent(outcome: Outcome) -> Seen {
    Seen { sent: false, ..Seen::without_answer(outcome) }
}

fn note(crew: &Crew, phase: Phase, held: Result<(), String>, closed_unused: bool) {
    crew.traffic.borrow_mut().held.push(Held { phase, held, closed_unused });
}

//! One connection held in one phase of the protocol when the signal comes, and finished shortly after.

use std::io;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::crew::Crew;
use super::engine::Address;
use super::raw::Raw;
use super::response::Answer;
use super::stage::Stage;
use super::wire::Socket;
use super::wish::raw_request;
use crate::clock::At;
use crate::rehearse::record::{Held, Outcome, Phase, Request, Shape};
use crate::rehearse::scenario::Route;

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
    connected: At,
    fresh: bool,
    id: u64,
    /// The request that is pipelined behind it.
    second: Option<u64>,
}

impl Seat<'_> {
    /// Brings a connection into the phase.
    async fn prepare(&self) -> Result<Ready, String> {
        let socket =
            Socket::connect(self.to.socket).await.map_err(|error| format!("no connection: {error}"))?;
        let connected = self.crew.clock.now();
        let mut raw = Raw::new(socket);
        let fresh = !matches!(self.phase, Phase::Idle | Phase::SecondHalfSent);
        if !fresh {
            self.first_exchange(&mut raw, connected).await?;
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
        Ok(Ready { raw, rest: rest.to_vec(), begun, connected, fresh, id, second })
    }

    /// The first request of a connection that is then kept.
    async fn first_exchange(&self, raw: &mut Raw, connected: At) -> Result<(), String> {
        let id = self.number()?;
        let begun = self.crew.clock.now();
        let first = raw_request(&self.route, &self.to.authority, id, Duration::ZERO);
        raw.write(&first.bytes).await.map_err(|error| format!("cannot write: {error}"))?;
        let answer = raw.answer().await;
        let closes = answer.as_ref().is_ok_and(|answer| answer.closes);
        self.write(id, true, begun, connected, outcome(answer));
        if closes { Err("the service keeps no connections".into()) } else { Ok(()) }
    }

    /// Waits for the signal, goes on a little later, and reads what comes.
    async fn finish(&self, mut ready: Ready) {
        self.crew.until(Stage::Signalled).await;
        if ready.raw.closed() {
            let begun = ready.begun;
            note(self.crew, self.phase, Err("closed before the signal".into()), begun.is_none());
            if let Some(begun) = begun {
                let seen = self.read(&mut ready.raw).await;
                self.write(ready.id, ready.fresh, begun, ready.connected, outcome(seen));
            }
            return;
        }
        sleep(GOES_ON).await;
        // An honest client looks before it writes the first byte of a request.
        if ready.begun.is_none() && ready.raw.closed() {
            return note(self.crew, self.phase, Ok(()), true);
        }
        let begun = ready.begun.unwrap_or_else(|| self.crew.clock.now());
        // What a failed write means is told by the reading that follows.
        let _shown_by_reading = ready.raw.write(&ready.rest).await;
        let seen = self.read(&mut ready.raw).await;
        let announced = seen.as_ref().map(|answer| answer.closes).ok();
        self.write(ready.id, ready.fresh, begun, ready.connected, outcome(seen));
        // RFC 9112 §9.6: what was pipelined behind an announced close was not processed and may be sent again.
        note(self.crew, self.phase, Ok(()), ready.second.is_some() && announced == Some(true));
        if let Some(second) = ready.second
            && announced != Some(true)
        {
            let seen = self.read(&mut ready.raw).await;
            self.write(second, false, begun, ready.connected, outcome(seen));
        }
    }

    /// Connects only after the signal.
    async fn come_late(&self) {
        self.crew.until(Stage::Signalled).await;
        sleep(GOES_ON).await;
        let Ok(id) = self.number() else { return };
        let begun = self.crew.clock.now();
        note(self.crew, self.phase, Ok(()), false);
        let limit = self.crew.connect_limit;
        let opened = timeout(limit, Socket::connect(self.to.socket)).await;
        let connected = self.crew.clock.now();
        let seen = match opened {
            Err(_) => Err(Outcome::ConnectTimeout),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(Outcome::Refused),
            Ok(Err(_)) => return,
            Ok(Ok(socket)) => {
                let mut raw = Raw::new(socket);
                let request = raw_request(&self.route, &self.to.authority, id, Duration::ZERO);
                let _shown_by_reading = raw.write(&request.bytes).await;
                self.read(&mut raw).await
            }
        };
        self.write(id, true, begun, connected, outcome(seen));
    }

    async fn read(&self, raw: &mut Raw) -> Result<Answer, Outcome> {
        tokio::select! {
            biased;
            answer = raw.answer() => answer,
            () = sleep(self.crew.request_limit) => Err(Outcome::TimedOut),
            () = self.crew.until(Stage::Abandoned) => Err(Outcome::TimedOut),
        }
    }

    fn number(&self) -> Result<u64, String> {
        self.crew.number().ok_or_else(|| "the bound on the number of requests was reached".into())
    }

    fn write(&self, id: u64, fresh: bool, begun: At, connected: At, outcome: Outcome) {
        let connected = (!matches!(outcome, Outcome::Refused | Outcome::ConnectTimeout)).then_some(connected);
        let (shape, phase, ended) = (Shape::Phases, Some(self.phase), self.crew.clock.now());
        self.crew.write(Request {
            id,
            shape,
            phase,
            fresh,
            due: begun,
            begun,
            connected,
            ended,
            outcome,
            order: None,
        });
    }
}

fn outcome(seen: Result<Answer, Outcome>) -> Outcome {
    seen.map_or_else(|outcome| outcome, |answer| Outcome::Answered { status: answer.status })
}

fn note(crew: &Crew, phase: Phase, held: Result<(), String>, closed_unused: bool) {
    crew.traffic.borrow_mut().held.push(Held { phase, held, closed_unused });
}

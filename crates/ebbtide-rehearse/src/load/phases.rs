//! One connection held in one phase of the protocol when the signal comes, and finished shortly after.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::context::{ClientContext, Stage};
use crate::clock::At;
use crate::record::{HeldConnection, Outcome, Phase, Request, Shape};
use crate::scenario::{Protocol, Route};
use crate::wire::{Address, RawConnection, RawRequest, RequestResult, Socket, no_connection, raw_request};

/// How long after the signal the client continues.
pub(super) const GOES_ON: Duration = Duration::from_millis(150);
/// How long a slow request in these phases takes: from before the signal until well after it.
pub(super) const SLOW: Duration = Duration::from_millis(700);
/// The timeout for a connection to reach its phase.
pub(super) const PREPARE: Duration = Duration::from_millis(500);

/// Why no connection is opened after the signal.
pub(super) const NOT_ROUTED: &str = "no longer routed to the service";

/// Holds one connection in `phase` along `route`. An `Err` in `route` is the reason why the phase cannot be tried.
pub(super) async fn hold(context: &ClientContext, phase: Phase, route: Result<(Route, Address), String>) {
    let client = match route {
        Ok((route, to)) => PhaseClient { context, phase, route, to },
        Err(why) => return record_held(context, phase, Err(why), false),
    };
    client.context.until(Stage::Bracing).await;
    if !context.wanted() {
        return;
    }
    if client.to.template.protocol != Protocol::Http1 {
        return client.hold_http2().await;
    }
    if phase == Phase::AfterSignal {
        return client.come_late().await;
    }
    match timeout(PREPARE, client.prepare()).await {
        Ok(Ok(ready)) => client.finish(ready).await,
        Ok(Err(why)) => record_held(context, phase, Err(why), false),
        Err(_) => record_held(context, phase, Err("not established in time".into()), false),
    }
}

/// What a phase needs.
pub(super) struct PhaseClient<'a> {
    pub(super) context: &'a ClientContext,
    pub(super) phase: Phase,
    pub(super) route: Route,
    pub(super) to: Address,
}

/// A connection in its phase, and what is still to be written on it.
struct PreparedConnection {
    raw: RawConnection,
    rest: Vec<u8>,
    /// When the first byte of the request was written, if one was.
    begun: Option<At>,
    info: ConnectionInfo,
    id: u64,
    /// The request that is pipelined behind it.
    second: Option<u64>,
}

/// What is known of the connection that a request goes over.
#[derive(Clone, Copy)]
pub(super) struct ConnectionInfo {
    pub(super) opened: At,
    pub(super) connected: At,
    pub(super) fresh: bool,
}

impl PhaseClient<'_> {
    /// Brings a connection into the phase.
    async fn prepare(&self) -> Result<PreparedConnection, String> {
        let opened = self.context.clock.now();
        let socket = Socket::connect(&self.to).await.map_err(|error| format!("no connection: {error}"))?;
        let mut info = ConnectionInfo { opened, connected: self.context.clock.now(), fresh: true };
        let mut raw = RawConnection::new(socket);
        if matches!(self.phase, Phase::Idle | Phase::SecondHalfSent) {
            self.first_exchange(&mut raw, info).await?;
            info.fresh = false;
        }
        let id = self.number()?;
        let request = self.request(id, SLOW)?;
        let now = match self.phase {
            Phase::Silent | Phase::Idle | Phase::AfterSignal => 0,
            Phase::HalfHead | Phase::SecondHalfSent => request.head / 2,
            Phase::HalfBody => usize::midpoint(request.head, request.bytes.len()),
            Phase::Awaiting | Phase::HalfRead | Phase::Pipelined => request.bytes.len(),
        };
        let (now, rest) = request.bytes.split_at(now);
        let begun = (!now.is_empty()).then(|| self.context.clock.now());
        raw.write(now).await.map_err(|error| format!("cannot write: {error}"))?;
        if self.phase == Phase::HalfRead {
            raw.first_byte().await.map_err(|error| format!("cannot read: {error}"))?;
        }
        let second = if self.phase == Phase::Pipelined { Some(self.number()?) } else { None };
        if let Some(second) = second {
            let second = self.request(second, Duration::ZERO)?;
            raw.write(&second.bytes).await.map_err(|error| format!("cannot write: {error}"))?;
        }
        Ok(PreparedConnection { raw, rest: rest.to_vec(), begun, info, id, second })
    }

    /// The first request of a connection that is then kept.
    async fn first_exchange(&self, raw: &mut RawConnection, info: ConnectionInfo) -> Result<(), String> {
        let id = self.number()?;
        let begun = self.context.clock.now();
        let first = self.request(id, Duration::ZERO)?;
        raw.write(&first.bytes).await.map_err(|error| format!("cannot write: {error}"))?;
        let seen = raw.answer(&self.route.method).await;
        let keeps = seen.answer.is_some_and(|answer| answer.keeps);
        self.write(id, info, begun, &seen);
        if !keeps { Err("the service keeps no connections".into()) } else { Ok(()) }
    }

    /// Waits for the signal, continues a little later, and reads the response.
    async fn finish(&self, mut ready: PreparedConnection) {
        let is_early = tokio::select! {
            biased;
            () = self.context.until(Stage::Signalled) => false,
            () = ready.raw.until_closed() => true,
        };
        if is_early {
            record_held(
                self.context,
                self.phase,
                Err("closed before the signal".into()),
                ready.begun.is_none(),
            );
            if let Some(begun) = ready.begun {
                let seen = self.read(&mut ready.raw).await;
                self.write(
                    ready.id,
                    ready.info,
                    begun,
                    &RequestResult { sent: ready.rest.is_empty(), ..seen },
                );
            }
            return;
        }
        sleep(GOES_ON).await;
        // A real client checks the connection before it continues to write.
        let closed = ready.raw.closed();
        if ready.begun.is_none() && closed {
            return record_held(self.context, self.phase, Ok(()), true);
        }
        let begun = ready.begun.unwrap_or_else(|| self.context.clock.now());
        // The read that follows shows what a failed write means.
        let sent = ready.rest.is_empty() || (!closed && ready.raw.write(&ready.rest).await.is_ok());
        let seen = RequestResult { sent, ..self.read(&mut ready.raw).await };
        let announced = seen.answer.is_some_and(|answer| !answer.keeps);
        self.write(ready.id, ready.info, begun, &seen);
        // RFC 9112 §9.6: what was pipelined behind an announced close was not processed and may be sent again.
        record_held(self.context, self.phase, Ok(()), ready.second.is_some() && announced);
        if let Some(second) = ready.second
            && !announced
        {
            let seen = self.read(&mut ready.raw).await;
            self.write(second, ConnectionInfo { fresh: false, ..ready.info }, begun, &seen);
        }
    }

    /// Connects only after the signal.
    async fn come_late(&self) {
        self.context.until(Stage::Signalled).await;
        sleep(GOES_ON).await;
        if !self.context.is_routed() {
            return record_held(self.context, self.phase, Err(NOT_ROUTED.into()), false);
        }
        let Ok(id) = self.number() else { return };
        let begun = self.context.clock.now();
        let limit = self.context.connect_limit;
        let opened = timeout(limit, Socket::connect(&self.to)).await;
        let info = ConnectionInfo { opened: begun, connected: self.context.clock.now(), fresh: true };
        let seen = match opened {
            Err(_) => unsent(Outcome::ConnectTimeout),
            Ok(Err(error)) => match no_connection(error).outcome() {
                Ok(outcome) => unsent(outcome),
                Err(error) => {
                    let why = format!("no connection: {error}");
                    return record_held(self.context, self.phase, Err(why), false);
                }
            },
            Ok(Ok(socket)) => {
                let mut raw = RawConnection::new(socket);
                let request = match self.request(id, Duration::ZERO) {
                    Ok(request) => request,
                    Err(why) => return record_held(self.context, self.phase, Err(why), false),
                };
                let sent = raw.write(&request.bytes).await.is_ok();
                RequestResult { sent, ..self.read(&mut raw).await }
            }
        };
        record_held(self.context, self.phase, Ok(()), false);
        self.write(id, info, begun, &seen);
    }

    async fn read(&self, raw: &mut RawConnection) -> RequestResult {
        tokio::select! {
            biased;
            seen = raw.answer(&self.route.method) => seen,
            () = sleep(self.context.request_limit) => RequestResult::without_answer(Outcome::TimedOut),
            () = self.context.until(Stage::Abandoned) => RequestResult::without_answer(Outcome::TimedOut),
        }
    }

    fn request(&self, id: u64, time: Duration) -> Result<RawRequest, String> {
        raw_request(&self.route, &self.to, id, time).map_err(|error| format!("no valid request: {error}"))
    }

    pub(super) fn number(&self) -> Result<u64, String> {
        self.context.number().ok_or_else(|| "the maximum number of requests was reached".into())
    }

    pub(super) fn write(&self, id: u64, info: ConnectionInfo, begun: At, seen: &RequestResult) {
        let reached = !matches!(seen.outcome, Outcome::Refused | Outcome::ConnectTimeout);
        self.context.write(Request {
            id,
            shape: Shape::Phases,
            phase: Some(self.phase),
            to: self.to.socket,
            route: self.route.label().into(),
            fresh: info.fresh,
            opened: info.opened,
            due: begun,
            begun,
            connected: reached.then_some(info.connected),
            sent: seen.sent,
            ended: self.context.clock.now(),
            outcome: seen.outcome,
            answer: seen.answer,
            order: None,
        });
    }
}

fn unsent(outcome: Outcome) -> RequestResult {
    RequestResult { sent: false, ..RequestResult::without_answer(outcome) }
}

pub(super) fn record_held(
    context: &ClientContext,
    phase: Phase,
    held: Result<(), String>,
    closed_unused: bool,
) {
    context.traffic.borrow_mut().held.push(HeldConnection { phase, held, closed_unused });
}

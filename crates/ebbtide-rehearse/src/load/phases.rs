//! One connection held in one phase of the protocol when the signal comes, and finished shortly after.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Sleep, sleep, timeout};

use super::context::{ClientContext, Stage};
use crate::clock::{At, Clock};
use crate::record::{Answer, HeldConnection, Outcome, Phase, Request, Shape};
use crate::scenario::{Protocol, Route};
use crate::wire::{
    Address, RawConnection, RawRequest, RequestResult, Silence, Socket, no_connection, raw_request,
};

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
    if phase == Phase::HalfLine {
        return client.hold_line().await;
    }
    if client.to.template.protocol != Protocol::Http1 {
        return client.hold_http2().await;
    }
    if phase == Phase::AfterSignal {
        return client.come_late().await;
    }
    client.hold_http1().await;
}

/// Why a connection is not in its phase at the signal, if it takes longer than [`PREPARE`].
pub(super) const LATE: &str = "not established in time";

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
    bytes: Vec<u8>,
    written: usize,
    /// When the first byte of the request was written, if one was.
    begun: Option<At>,
    info: ConnectionInfo,
    id: u64,
    /// The request that is pipelined behind it.
    second: Option<u64>,
}

impl PreparedConnection {
    /// Writes the request up to byte `end`.
    ///
    /// # Cancel safety
    ///
    /// What was written is known.
    async fn write_to(&mut self, end: usize, clock: Clock) -> io::Result<()> {
        while let Some(rest) = self.bytes.get(self.written..end).filter(|rest| !rest.is_empty()) {
            let count = self.raw.write_some(rest).await?;
            self.written = self.written.saturating_add(count);
            self.begun.get_or_insert(clock.now());
        }
        self.raw.flush().await
    }

    fn is_whole(&self) -> bool {
        self.written == self.bytes.len()
    }
}

/// What is known of the connection that a request goes over.
#[derive(Clone, Copy)]
pub(super) struct ConnectionInfo {
    pub(super) opened: At,
    pub(super) connected: At,
    pub(super) fresh: bool,
    /// How late its first byte was, where that is not on purpose.
    pub(super) silent_ms: Option<u64>,
}

impl ConnectionInfo {
    /// Creates that of a new connection.
    pub(super) fn new(opened: At, connected: At) -> Self {
        Self { opened, connected, fresh: true, silent_ms: None }
    }
}

impl PhaseClient<'_> {
    /// Holds one connection, and finishes it after the signal. Every request of which a byte was written is read to its end and
    /// recorded, also if the connection does not reach its phase in time.
    async fn hold_http1(&self) {
        let failed = |why| record_held(self.context, self.phase, Err(why), false);
        let late = sleep(PREPARE);
        tokio::pin!(late);
        let connected = tokio::select! {
            biased;
            connected = self.connect() => connected,
            () = &mut late => Err(LATE.to_owned()),
        };
        let mut ready = match connected {
            Ok(ready) => ready,
            Err(why) => return failed(why),
        };
        if matches!(self.phase, Phase::Idle | Phase::SecondHalfSent) {
            match self.first_exchange(ready, late.as_mut()).await {
                Ok(again) => ready = again,
                Err(why) => return failed(why),
            }
        }
        let prepared = tokio::select! {
            biased;
            prepared = self.prepare(&mut ready) => prepared,
            () = late => Err(LATE.to_owned()),
        };
        match prepared {
            Ok(()) => self.finish(ready).await,
            Err(why) => {
                failed(why);
                self.complete(ready).await;
            }
        }
    }

    /// Opens a connection for a request of which nothing is written yet.
    async fn connect(&self) -> Result<PreparedConnection, String> {
        let opened = self.context.clock.now();
        let socket = Socket::connect(&self.to).await.map_err(|error| format!("no connection: {error}"))?;
        let info = ConnectionInfo::new(opened, self.context.clock.now());
        self.request_on(RawConnection::new(socket), info, SLOW)
    }

    /// Returns a new request on `raw`, of which nothing is written yet.
    fn request_on(
        &self,
        raw: RawConnection,
        info: ConnectionInfo,
        time: Duration,
    ) -> Result<PreparedConnection, String> {
        let id = self.number()?;
        let bytes = self.request(id, time)?.bytes;
        Ok(PreparedConnection { raw, bytes, written: 0, begun: None, info, id, second: None })
    }

    /// The first request of a connection that is then kept. Returns the connection with its second request.
    async fn first_exchange(
        &self,
        mut first: PreparedConnection,
        mut late: Pin<&mut Sleep>,
    ) -> Result<PreparedConnection, String> {
        first.bytes = self.request(first.id, Duration::ZERO)?.bytes;
        let mut was_late = false;
        let seen = {
            let exchange = self.exchange_whole(&mut first);
            tokio::pin!(exchange);
            loop {
                tokio::select! {
                    biased;
                    seen = &mut exchange => break seen,
                    () = &mut late, if !was_late => was_late = true,
                }
            }
        };
        let keeps = seen.answer.is_some_and(|answer| answer.keeps);
        if let Some(begun) = first.begun {
            self.write(first.id, first.info, begun, &seen);
        }
        match (was_late, keeps) {
            (true, _) => Err(LATE.to_owned()),
            (false, false) => Err("the service keeps no connections".to_owned()),
            (false, true) => self.request_on(first.raw, ConnectionInfo { fresh: false, ..first.info }, SLOW),
        }
    }

    /// Brings the connection into the phase.
    async fn prepare(&self, ready: &mut PreparedConnection) -> Result<(), String> {
        let head = self.request(ready.id, SLOW)?.head;
        let now = match self.phase {
            Phase::Silent | Phase::Idle | Phase::AfterSignal => 0,
            Phase::HalfHead | Phase::SecondHalfSent | Phase::HalfLine => head / 2,
            Phase::HalfBody => usize::midpoint(head, ready.bytes.len()),
            Phase::Awaiting | Phase::HalfRead | Phase::Pipelined => ready.bytes.len(),
        };
        let clock = self.context.clock;
        ready.write_to(now, clock).await.map_err(|error| format!("cannot write: {error}"))?;
        if self.phase == Phase::HalfRead {
            ready.raw.first_byte().await.map_err(|error| format!("cannot read: {error}"))?;
        }
        if self.phase == Phase::Pipelined {
            let id = self.number()?;
            let second = self.request(id, Duration::ZERO)?;
            // At once, or it would be unknown how much of it was written: it is shorter than the socket's buffer.
            let count = ready.raw.write_some(&second.bytes).await;
            let count = count.map_err(|error| format!("cannot write: {error}"))?;
            ready.second = Some(id);
            if count < second.bytes.len() {
                return Err("the service does not read what is pipelined".to_owned());
            }
            ready.raw.flush().await.map_err(|error| format!("cannot write: {error}"))?;
        }
        Ok(())
    }

    /// Writes the rest of the request, and reads its response.
    async fn exchange_whole(&self, ready: &mut PreparedConnection) -> RequestResult {
        let clock = self.context.clock;
        let seen = tokio::select! {
            biased;
            seen = async {
                // The read that follows shows what a failed write means.
                let _failed = ready.write_to(ready.bytes.len(), clock).await;
                ready.raw.answer(&self.route.method).await
            } => seen,
            () = self.context.late() => RequestResult::without_answer(Outcome::TimedOut),
        };
        RequestResult { sent: ready.is_whole(), ..seen }
    }

    /// Finishes a request that did not reach its phase, and the one behind it, and records them.
    async fn complete(&self, mut ready: PreparedConnection) {
        let Some(begun) = ready.begun else { return };
        let seen = self.exchange_whole(&mut ready).await;
        self.write(ready.id, ready.info, begun, &seen);
        self.read_second(ready, begun, &seen).await;
    }

    /// Reads the response to the request that was pipelined, unless the first one announced the close.
    async fn read_second(&self, mut ready: PreparedConnection, begun: At, first: &RequestResult) {
        let announced = first.answer.is_some_and(|answer| !answer.keeps);
        if let Some(second) = ready.second
            && !announced
        {
            let seen = self.read(&mut ready.raw).await;
            self.write(second, ConnectionInfo { fresh: false, ..ready.info }, begun, &seen);
        }
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
                let seen = RequestResult { sent: ready.is_whole(), ..self.read(&mut ready.raw).await };
                self.write(ready.id, ready.info, begun, &seen);
                self.read_second(ready, begun, &seen).await;
            }
            return;
        }
        sleep(GOES_ON).await;
        // A real client checks the connection before it continues to write.
        let closed = ready.raw.closed();
        let has_unasked = ready.begun.is_none() && ready.raw.has_unasked();
        if has_unasked {
            self.context.count_unasked();
        }
        if ready.begun.is_none() && (closed || has_unasked) {
            return record_held(self.context, self.phase, Ok(()), true);
        }
        let begun = ready.begun.unwrap_or_else(|| self.context.clock.now());
        let seen = match closed {
            true => RequestResult { sent: ready.is_whole(), ..self.read(&mut ready.raw).await },
            false => self.exchange_whole(&mut ready).await,
        };
        let announced = seen.answer.is_some_and(|answer| !answer.keeps);
        self.write(ready.id, ready.info, begun, &seen);
        // RFC 9112 §9.6: what was pipelined behind an announced close was not processed and may be sent again.
        record_held(self.context, self.phase, Ok(()), ready.second.is_some() && announced);
        self.read_second(ready, begun, &seen).await;
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
        let mut silence = Silence::default();
        let opened = timeout(limit, Socket::connect_observed(&self.to, &silence)).await;
        let mut info = ConnectionInfo::new(begun, self.context.clock.now());
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
                silence = socket.silence().clone();
                let mut raw = RawConnection::new(socket);
                let request = match self.request(id, Duration::ZERO) {
                    Ok(request) => request,
                    Err(why) => return record_held(self.context, self.phase, Err(why), false),
                };
                let sent = raw.write(&request.bytes).await.is_ok();
                RequestResult { sent, ..self.read(&mut raw).await }
            }
        };
        info.silent_ms = silence.if_late();
        record_held(self.context, self.phase, Ok(()), false);
        self.write(id, info, begun, &seen);
    }

    async fn read(&self, raw: &mut RawConnection) -> RequestResult {
        tokio::select! {
            biased;
            seen = raw.answer(&self.route.method) => seen,
            () = self.context.late() => RequestResult::without_answer(Outcome::TimedOut),
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
            to: self.to.socket.clone(),
            route: self.route.label().into(),
            fresh: info.fresh,
            opened: info.opened,
            due: begun,
            begun,
            connected: reached.then_some(info.connected),
            silent_ms: info.silent_ms,
            sent: seen.sent,
            ended: self.context.clock.now(),
            outcome: seen.outcome,
            answer: seen.answer.map(|answer| Answer { event_stream: None, ..answer }),
            progress: seen.progress,
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

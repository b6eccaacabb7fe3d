//! The phases of HTTP/2: as those of HTTP/1, for one stream of a connection.

use std::time::Duration;

use tokio::time::sleep;

use super::context::Stage;
use super::phases::{ConnectionInfo, GOES_ON, LATE, NOT_ROUTED, PREPARE, PhaseClient, SLOW, record_held};
use crate::clock::At;
use crate::record::{Outcome, Phase};
use crate::wire::{Exchange, HeldStream, Http2Connection, Part, RequestResult, RequestSpec, Silence, Socket};

/// A connection in its phase.
struct HeldPhase {
    what: HeldKind,
    /// When the first byte of the request was written, if one was.
    begun: Option<At>,
    info: ConnectionInfo,
    id: u64,
}

enum HeldKind {
    /// Connected, and not a byte written.
    Silent(Socket),
    /// One request answered.
    Idle(Http2Connection),
    /// A request begun.
    Begun(HeldStream),
}

impl PhaseClient<'_> {
    /// Holds one connection, and finishes it after the signal.
    pub(super) async fn hold_http2(&self) {
        if self.phase == Phase::AfterSignal {
            return self.come_late_http2().await;
        }
        let failed = |why| record_held(self.context, self.phase, Err(why), false);
        match self.prepare_http2().await {
            Ok(held) => self.finish_http2(held).await,
            Err(why) => failed(why),
        }
    }

    async fn prepare_http2(&self) -> Result<HeldPhase, String> {
        let opened = self.context.clock.now();
        let late = sleep(PREPARE);
        tokio::pin!(late);
        let socket = tokio::select! {
            biased;
            socket = Socket::connect(&self.to) => socket.map_err(|error| format!("no connection: {error}"))?,
            () = &mut late => return Err(LATE.into()),
        };
        let mut info = ConnectionInfo::new(opened, self.context.clock.now());
        if self.phase == Phase::Silent {
            return Ok(HeldPhase { what: HeldKind::Silent(socket), begun: None, info, id: self.number()? });
        }
        let connection = Http2Connection::on(socket, opened);
        let begun = self.context.clock.now();
        if self.phase == Phase::Idle {
            let first = self.number()?;
            // What was written is read to its end and recorded, also if that takes too long for the phase.
            let (seen, was_late) = {
                let exchange = self.exchange(&connection, first);
                tokio::pin!(exchange);
                let mut was_late = false;
                loop {
                    tokio::select! {
                        biased;
                        seen = &mut exchange => break (seen?, was_late),
                        () = &mut late, if !was_late => was_late = true,
                    }
                }
            };
            let Some(seen) = seen else {
                return Err("no request was accepted".into());
            };
            let is_kept = seen.answer.is_some() && connection.still_open();
            self.write(first, info, begun, &seen);
            if was_late {
                return Err(LATE.into());
            }
            info.fresh = false;
            let what = HeldKind::Idle(connection);
            let id = self.number()?;
            return if is_kept {
                Ok(HeldPhase { what, begun: None, info, id })
            } else {
                Err("the service keeps no connections".into())
            };
        }
        let (spec, part) = match self.phase {
            Phase::HalfHead => (RequestSpec::plain(&self.route), Part::HalfHead),
            Phase::HalfBody => (RequestSpec::plain(&self.route), Part::HalfBody),
            _ => (RequestSpec::slow(&self.route, SLOW), Part::Whole),
        };
        let id = self.number()?;
        let request =
            spec.request(&self.to, Some(id)).map_err(|error| format!("no valid request: {error}"))?;
        // Nothing is written before the connection is greeted.
        let stream = tokio::select! {
            biased;
            stream = connection.hold(request, part) => stream.ok_or("no request was accepted")?,
            () = &mut late => return Err(LATE.into()),
        };
        Ok(HeldPhase { what: HeldKind::Begun(stream), begun: Some(begun), info, id })
    }

    async fn finish_http2(&self, held: HeldPhase) {
        let HeldPhase { what, begun, info, id } = held;
        let over = async {
            match &what {
                HeldKind::Silent(socket) => socket.until_ended().await,
                HeldKind::Idle(connection) => connection.until_closing().await,
                HeldKind::Begun(stream) => stream.until_over().await,
            }
        };
        let is_over = tokio::select! {
            biased;
            () = self.context.until(Stage::Signalled) => false,
            () = over => true,
        };
        if is_over {
            let unused = begun.is_none();
            record_held(self.context, self.phase, Err("closed before the signal".into()), unused);
        } else {
            sleep(GOES_ON).await;
        }
        let begun = begun.unwrap_or_else(|| self.context.clock.now());
        let seen = match what {
            _ if is_over && !matches!(what, HeldKind::Begun(_)) => return,
            HeldKind::Silent(socket) if socket.has_ended() => None,
            HeldKind::Silent(socket) => {
                self.exchange(&Http2Connection::on(socket, info.opened), id).await.ok().flatten()
            }
            // A real client sends nothing on a connection with a GOAWAY.
            HeldKind::Idle(connection) => self.exchange(&connection, id).await.ok().flatten(),
            HeldKind::Begun(stream) => self.within(stream.finish(info.fresh)).await,
        };
        if let Some(seen) = &seen {
            self.write(id, info, begun, seen);
        }
        if !is_over {
            record_held(self.context, self.phase, Ok(()), seen.is_none());
        }
    }

    /// Connects only after the signal.
    async fn come_late_http2(&self) {
        self.context.until(Stage::Signalled).await;
        sleep(GOES_ON).await;
        if !self.context.is_routed() {
            return record_held(self.context, self.phase, Err(NOT_ROUTED.into()), false);
        }
        let Ok(id) = self.number() else { return };
        let begun = self.context.clock.now();
        let mut silence = Silence::default();
        let opened = self.context.connect(&self.to, &silence).await;
        let mut info = ConnectionInfo::new(begun, self.context.clock.now());
        let seen = match opened {
            Err(none) => match none.outcome() {
                Ok(outcome) => Some(RequestResult { sent: false, ..RequestResult::without_answer(outcome) }),
                Err(error) => {
                    let why = format!("no connection: {error}");
                    return record_held(self.context, self.phase, Err(why), false);
                }
            },
            Ok(mut connection) => {
                silence = connection.silence().clone();
                match RequestSpec::plain(&self.route).request(&self.to, Some(id)) {
                    Ok(request) => self.within(connection.exchange(request, false)).await,
                    Err(_) => None,
                }
            }
        };
        info.silent_ms = silence.if_late();
        record_held(self.context, self.phase, Ok(()), seen.is_none());
        if let Some(seen) = seen {
            self.write(id, info, begun, &seen);
        }
    }

    /// Sends a plain request. `None`: it was not written.
    async fn exchange(&self, connection: &Http2Connection, id: u64) -> Result<Option<RequestResult>, String> {
        let request = RequestSpec::plain(&self.route).request(&self.to, Some(id));
        let request = request.map_err(|error| format!("no valid request: {error}"))?;
        Ok(self.within(connection.exchange(request, false)).await)
    }

    /// Waits for `exchange` within the limits of a request.
    async fn within(&self, exchange: impl Future<Output = Exchange>) -> Option<RequestResult> {
        let limit: Duration = self.context.request_limit;
        let ended = tokio::select! {
            biased;
            ended = exchange => ended,
            () = sleep(limit) => Exchange::Ended(RequestResult::without_answer(Outcome::TimedOut)),
            () = self.context.until(Stage::Abandoned) => Exchange::Ended(RequestResult::without_answer(Outcome::TimedOut)),
        };
        match ended {
            Exchange::Ended(seen) => Some(seen),
            Exchange::NotSent => None,
        }
    }
}

//! A client with a WebSocket: it sends one message after the other, and waits for the echo of each.

use std::time::Duration;

use tokio::time::sleep;

use super::clients::exchanges;
use super::context::{ClientContext, PendingRequest, Stage};
use crate::clock::At;
use crate::record::{Outcome, Progress, Shape};
use crate::scenario::{Route, Span};
use crate::wire::{Address, Incoming, RawConnection, RequestResult, WebSocket, websocket_handshake};

/// A message that has waited this long for its echo when the close frame comes was read, and is lost. A later one may have crossed
/// the close frame on its way, after which a server sends nothing.
const READ: Duration = Duration::from_millis(250);

/// Runs one client. Each WebSocket is a request of the record, from the connect to the end.
pub(super) async fn websocket(
    context: &ClientContext,
    to: &Address,
    think: Span,
    route: &Route,
    rng: fastrand::Rng,
) {
    let to = to.over_http1();
    // Not `GET`: the responses of a page at the same path are others.
    let label = format!("WebSocket {}", route.path);
    exchanges(context, (Shape::Websocket, &to, &label), rng, async |id, pending, rng| {
        talk(context, &to, route, id, pending, think, rng).await
    })
    .await;
}

/// Opens one WebSocket and uses it to its end. `None`: the client has no outcome, because of a trouble of its own.
async fn talk(
    context: &ClientContext,
    to: &Address,
    route: &Route,
    id: u64,
    pending: &mut PendingRequest,
    think: Span,
    rng: &mut fastrand::Rng,
) -> Option<RequestResult> {
    let socket = match context.socket(to, pending).await {
        Ok(socket) => socket,
        Err(ended) => return ended,
    };
    let handshake = match websocket_handshake(route, to, id) {
        Ok(handshake) => handshake,
        Err(error) => {
            context.trouble(&std::io::Error::other(error));
            return None;
        }
    };
    let opened = tokio::select! {
        biased;
        opened = WebSocket::open(RawConnection::new(socket), &handshake) => opened,
        () = context.late() => Err(RequestResult::without_answer(Outcome::TimedOut)),
    };
    let socket = match opened {
        Ok(socket) => socket,
        Err(seen) => return Some(seen),
    };
    let mut talk = Talk { context, socket, id, messages: Progress::default(), unanswered: None };
    let outcome = talk.until_its_end(think, rng).await;
    let progress = Some(talk.messages);
    if let Outcome::CloseFrame { code, .. } = outcome {
        talk.socket.close(code).await;
    }
    Some(RequestResult { progress, ..RequestResult::without_answer(outcome) })
}

/// An open WebSocket, and the messages on it.
struct Talk<'a> {
    context: &'a ClientContext,
    socket: WebSocket,
    id: u64,
    messages: Progress,
    /// The message that waits for its echo, and when it was sent.
    unanswered: Option<(String, At)>,
}

impl Talk<'_> {
    async fn until_its_end(&mut self, think: Span, rng: &mut fastrand::Rng) -> Outcome {
        loop {
            if let Err(outcome) = self.pause(think.draw(rng)).await {
                return outcome;
            }
            if let Err(outcome) = self.message().await {
                return outcome;
            }
        }
    }

    /// Waits for `time`, and until everything that has arrived was read: a close frame may be among it.
    async fn pause(&mut self, time: Duration) -> Result<(), Outcome> {
        let until = self.context.clock.now() + time;
        let mut stopping = !self.context.wanted();
        loop {
            let left = until.since(self.context.clock.now());
            if left.is_zero() && !stopping && self.socket.is_quiet() {
                return Ok(());
            }
            tokio::select! {
                biased;
                incoming = self.socket.next() => self.receive(incoming)?,
                () = self.context.until(Stage::Stopping), if !stopping => stopping = true,
                () = self.context.until(Stage::Abandoned), if stopping => return Err(Outcome::TimedOut),
                () = sleep(left), if !left.is_zero() && !stopping => {}
            }
        }
    }

    /// Sends a message and waits for its echo.
    async fn message(&mut self) -> Result<(), Outcome> {
        self.messages.of = self.messages.of.saturating_add(1);
        let text = format!("ebbtide {}.{}", self.id, self.messages.of);
        self.unanswered = Some((text.clone(), self.context.clock.now()));
        // The read that follows shows what a failed write means.
        let _failed = self.socket.send(&text).await;
        let late = self.context.late();
        tokio::pin!(late);
        while self.unanswered.is_some() {
            tokio::select! {
                biased;
                incoming = self.socket.next() => self.receive(incoming)?,
                () = &mut late => return Err(Outcome::TimedOut),
            }
        }
        Ok(())
    }

    /// Notes what came. `Err`: it was the end.
    fn receive(&mut self, incoming: Incoming) -> Result<(), Outcome> {
        match incoming {
            Incoming::Message(message) => {
                let is_echo = |text: &str| message.windows(text.len()).any(|part| part == text.as_bytes());
                if self.unanswered.as_ref().is_some_and(|(text, _)| is_echo(text)) {
                    self.unanswered = None;
                    self.messages.done = self.messages.done.saturating_add(1);
                }
                Ok(())
            }
            Incoming::Closed(code) => {
                let now = self.context.clock.now();
                let was_read = self.unanswered.as_ref().map(|(_, sent)| now.since(*sent) >= READ);
                if was_read == Some(false) {
                    self.messages.of = self.messages.of.saturating_sub(1);
                }
                Err(Outcome::CloseFrame { code, echoed: was_read != Some(true) })
            }
            Incoming::Ended(close) => Err(Outcome::NoCloseFrame { close }),
            Incoming::Malformed => Err(Outcome::Malformed),
        }
    }
}

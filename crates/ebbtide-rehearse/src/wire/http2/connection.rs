//! A connection as its clients use it: one request a stream, any number of streams at once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::driver::{SharedState, drive};
use super::frame;
use super::headers::encode;
use super::messages::{Messages, READ};
use super::state::{ConnectionState, Stream};
use crate::clock::At;
use crate::record::{Answer, Close, Framing, Outcome, Progress};
use crate::wire::connection::{Exchange, PEER_CLOSE, ProbeResponse, READ_ON, RequestResult};
use crate::wire::pace::pause;
use crate::wire::payload::Payload;
use crate::wire::{Silence, Socket};

/// A connection. Its clones share it; it closes with the last one.
#[derive(Clone)]
pub(crate) struct Http2Connection {
    socket: Socket,
    pub(super) shared: Arc<SharedState>,
    opened: At,
    _driver: Arc<JoinSet<()>>,
}

impl Http2Connection {
    /// Creates a connection on `socket`, which its client began to open at `now`.
    pub(crate) fn on(socket: Socket, now: At) -> Self {
        let shared = SharedState::new();
        let mut driver = JoinSet::new();
        driver.spawn(drive(socket.clone(), Arc::clone(&shared)));
        Self { socket, shared, opened: now, _driver: Arc::new(driver) }
    }

    /// Returns whether a request may be sent on it, by the present state of the socket in the kernel.
    pub(crate) fn still_open(&self) -> bool {
        !self.shared.state().is_closing() && !self.socket.has_ended()
    }

    /// Returns whether a request may be sent on it, by what was read so far.
    pub(in crate::wire) fn is_open(&self) -> bool {
        !self.shared.state().is_closing()
    }

    /// Waits until no request may be sent on it any more.
    pub(crate) async fn until_closing(&self) {
        self.shared.until(|state| state.is_closing().then_some(())).await;
    }

    /// Returns whether no request was sent on it yet.
    pub(in crate::wire) fn is_fresh(&self) -> bool {
        self.shared.state().next == 1
    }

    /// Returns when its client began to connect.
    pub(in crate::wire) fn opened(&self) -> At {
        self.opened
    }

    /// Returns how long its client left it silent before the first byte.
    pub(in crate::wire) fn silence(&self) -> &Silence {
        self.socket.silence()
    }

    /// Returns the first byte received.
    pub(in crate::wire) fn first_byte(&self) -> Option<u8> {
        self.shared.state().first_byte
    }

    /// Sends `request`, once, and reads its response to the end.
    pub(crate) async fn exchange(&self, request: Request<Payload>, keep_body: bool) -> Exchange {
        let fresh = self.is_fresh();
        let head = request.method() == Method::HEAD;
        let Some(stream) = self.send(request, keep_body).await else {
            let close = self.shared.state().close;
            return match close.filter(|_| fresh) {
                Some(close) => {
                    let unsent = RequestResult::without_answer(Outcome::ClosedBeforeSend { close });
                    Exchange::Ended(RequestResult { sent: false, ..unsent })
                }
                None => Exchange::NotSent,
            };
        };
        stream.until_over().await;
        stream.result(fresh, head)
    }

    /// Sends `request` and returns the status of its response as soon as it arrives.
    pub(in crate::wire) async fn status(&self, request: Request<Payload>) -> Result<ProbeResponse, Outcome> {
        let none = Outcome::Unanswered { close: Close::Eof };
        let stream = self.send(request, false).await.ok_or(none)?;
        let seen = self
            .shared
            .until(|state| {
                let seen = state.streams.get(&stream.id)?.head.clone();
                seen.map(Some).or_else(|| state.is_over(stream.id).then_some(None))
            })
            .await;
        let Some(head) = seen else {
            return Err(match stream.result(true, false) {
                Exchange::Ended(seen) => seen.outcome,
                Exchange::NotSent => none,
            });
        };
        // A server may log a stream that is reset during its response as an error: read on briefly.
        let _cut = timeout(READ_ON, stream.until_over()).await;
        Ok(ProbeResponse { status: head.status.unwrap_or_default(), grpc: head.grpc_status.is_some() })
    }

    /// Pauses for `time`. `false`: no request may be sent on it any more.
    pub(in crate::wire) async fn idle(&self, time: Duration) -> bool {
        pause(time).await;
        self.is_open()
    }

    /// Announces that no request follows, and lets the server close first, within a short limit. While another client has a
    /// request on the connection, it stays open.
    pub(in crate::wire) async fn let_peer_close(self) {
        {
            let mut state = self.shared.state();
            if !state.streams.is_empty() {
                return;
            }
            state.control(frame::GOAWAY, 0, 0, &[0; 8]);
        }
        self.shared.wake();
        let _late = timeout(PEER_CLOSE, self.shared.until(|state| state.close)).await;
    }

    /// Opens a stream and sends `request` on it, as far as the peer takes it. `None`: nothing was written, because the connection
    /// accepts no further request.
    async fn send(&self, request: Request<Payload>, keep_body: bool) -> Option<OpenStream<'_>> {
        let block = encode(&request);
        let body = request.into_body();
        let ends = if body.is_over() { frame::END_STREAM } else { 0 };
        let id = self.shared.until(|state| {
            if state.is_closing() {
                return Some(None);
            }
            state.has_room().then(|| {
                let id = state.open(keep_body);
                head(state, id, &block, ends);
                Some(id)
            })
        });
        let stream = OpenStream { shared: &self.shared, id: id.await? };
        self.shared.wake();
        tokio::select! {
            biased;
            () = stream.until_over() => {}
            () = stream.send_body(body) => {}
        }
        // Nothing of it was written: the service never received it.
        let written = self.shared.until(|state| match state.streams.get(&stream.id) {
            Some(seen) if seen.written => Some(true),
            _ => state.is_over(stream.id).then_some(false),
        });
        written.await.then_some(stream)
    }
}

/// Queues the header block of stream `id`, in as many frames as it needs.
fn head(state: &mut ConnectionState, id: u32, block: &[u8], ends: u8) {
    let mut parts = block.chunks(state.max_frame).peekable();
    let mut kind = frame::HEADERS;
    while let Some(part) = parts.next() {
        let last = if parts.peek().is_none() { frame::END_HEADERS } else { 0 };
        let flags = if kind == frame::HEADERS { ends | last } else { last };
        state.request(kind, flags, id, part);
        kind = frame::CONTINUATION;
    }
}

impl ConnectionState {
    /// Queues a part of `data` on stream `id`, if a window is open.
    pub(super) fn take(&mut self, id: u32, data: &mut Bytes, is_last: bool) -> Option<()> {
        let stream = self.streams.get_mut(&id)?;
        let room = usize::try_from(stream.window.min(self.window)).ok().filter(|room| *room > 0)?;
        let part = data.split_to(data.len().min(room).min(self.max_frame));
        let length = i64::try_from(part.len()).unwrap_or(i64::MAX);
        stream.window -= length;
        self.window -= length;
        let flags = if is_last && data.is_empty() { frame::END_STREAM } else { 0 };
        self.request(frame::DATA, flags, id, &part);
        Some(())
    }

    /// Returns whether nothing more will come on stream `id`.
    pub(super) fn is_over(&self, id: u32) -> bool {
        let is_done = |stream: &Stream| stream.ended || stream.reset.is_some();
        self.close.is_some() || self.is_unprocessed(id) || self.streams.get(&id).is_none_or(is_done)
    }
}

/// A stream of a request. It is cancelled when it is dropped before its end.
pub(super) struct OpenStream<'a> {
    pub(super) shared: &'a SharedState,
    pub(super) id: u32,
}

impl OpenStream<'_> {
    /// Waits until nothing more will come on it.
    pub(super) async fn until_over(&self) {
        self.shared.until(|state| state.is_over(self.id).then_some(())).await;
    }

    /// Sends `body` as fast as the windows of stream and connection permit.
    pub(super) async fn send_body(&self, mut body: Payload) {
        let in_turn = body.in_turn();
        while let Some(mut data) = body.next().await {
            while !data.is_empty() {
                let is_last = body.is_over();
                let part = self.shared.until(|state| state.take(self.id, &mut data, is_last));
                part.await;
                self.shared.wake();
            }
            if let Some(in_turn) = in_turn {
                self.message_sent(in_turn).await;
            }
        }
    }

    /// Counts a message that was queued. If the next one waits for its answer, waits until it is there.
    async fn message_sent(&self, in_turn: bool) {
        let messages = |state: &mut ConnectionState, change: &dyn Fn(&mut Messages)| {
            let stream = state.streams.get_mut(&self.id)?;
            let messages = stream.messages.get_or_insert_default();
            change(messages);
            Some(messages.is_answered())
        };
        messages(&mut self.shared.state(), &Messages::send);
        if !in_turn {
            return;
        }
        let answered = self.shared.until(|state| match messages(state, &|_| {}) {
            Some(false) => None,
            Some(true) | None => Some(()),
        });
        tokio::pin!(answered);
        if timeout(READ, answered.as_mut()).await.is_err() {
            messages(&mut self.shared.state(), &Messages::expect);
            answered.await;
        }
    }

    /// Returns the outcome of the request.
    pub(super) fn result(&self, fresh: bool, is_head: bool) -> Exchange {
        let mut state = self.shared.state();
        let Some(stream) = state.streams.remove(&self.id) else { return Exchange::NotSent };
        let close = state.close.unwrap_or(Close::Eof);
        if stream.ended && !stream.sent {
            state.cancel(self.id);
            self.shared.wake();
        }
        let is_above = state.last.is_some_and(|last| self.id > last);
        let status = stream.head.as_ref().and_then(|head| head.status);
        let declared = stream.head.as_ref().and_then(|head| head.length).filter(|_| !is_head);
        let outcome = match (status, stream.reset) {
            (Some(status), None) if stream.ended && declared.is_none_or(|length| length == stream.length) => {
                Outcome::Answered { status }
            }
            (Some(_), None) if stream.ended => Outcome::CutInBody { close },
            _ if is_above => Outcome::Unprocessed,
            (_, Some(frame::REFUSED_STREAM)) => Outcome::Unprocessed,
            (_, Some(code)) => Outcome::StreamReset { code, response_begun: stream.began },
            _ if state.malformed => Outcome::Malformed,
            (Some(_), None) => Outcome::CutInBody { close },
            (None, None) if stream.began => Outcome::CutInHead { close },
            (None, None) if stream.written => Outcome::Unanswered { close },
            (None, None) if fresh => Outcome::ClosedBeforeSend { close },
            (None, None) => return Exchange::NotSent,
        };
        let progress = declared
            .filter(|_| matches!(outcome, Outcome::CutInBody { .. } | Outcome::StreamReset { .. }))
            .map(|of| Progress { done: stream.length, of });
        let progress = stream.messages.as_ref().map(|messages| messages.progress(stream.sent)).or(progress);
        let answer = matches!(outcome, Outcome::Answered { .. }).then(|| answer(&stream, &state, is_head));
        Exchange::Ended(RequestResult {
            outcome,
            sent: stream.sent,
            answer,
            body: stream.kept.unwrap_or_default(),
            progress,
        })
    }
}

/// A whole answer.
fn answer(stream: &Stream, state: &ConnectionState, is_head: bool) -> Answer {
    let head = stream.head.clone().unwrap_or_default();
    let grpc_status = head.grpc_status.or(stream.grpc_status);
    Answer {
        length: stream.length,
        digest: stream.digest.value(),
        framing: match (is_head, head.status, head.length) {
            (true, ..) | (_, Some(204 | 304), _) => Framing::NoBody,
            (_, _, Some(_)) => Framing::Length,
            // END_STREAM is a known end, as the last chunk is.
            (_, _, None) => Framing::Chunked,
        },
        location: head.location,
        content_type: head.content_type,
        keeps: !state.is_closing(),
        event_stream: Some(head.events),
        open_event: head.events && !stream.events.is_whole(),
        grpc: head.grpc_status.is_some(),
        grpc_status,
        open_grpc: head.is_grpc && grpc_status.is_none(),
        no_number: false,
    }
}

impl Drop for OpenStream<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let Some(stream) = state.streams.remove(&self.id) else { return };
        if stream.written {
            state.cancel(self.id);
            self.shared.wake();
        } else {
            state.out.retain(|outgoing| outgoing.request.is_none_or(|(id, _)| id != self.id));
        }
    }
}

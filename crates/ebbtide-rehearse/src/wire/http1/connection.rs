//! One HTTP/1.1 connection as its clients use it: one request at a time, no pool, no retry, nothing hidden.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{Method, Request};
use tokio::time::{sleep, timeout};

use crate::clock::At;
use crate::record::Outcome;
use crate::wire::connection::{Exchange, GRPC_STATUS, PEER_CLOSE, ProbeResponse, READ_ON, RequestResult};
use crate::wire::pace::{ReadPace, pause};
use crate::wire::payload::Payload;
use crate::wire::raw::{RawConnection, Reading};
use crate::wire::request::write_head;
use crate::wire::{Silence, Socket};

/// An open connection.
pub(crate) struct Http1Connection {
    pub(super) raw: RawConnection,
    sending: Sending,
    /// Whether the last response keeps the connection.
    keeps: bool,
    used: bool,
    /// Whether the next request follows the last response without a pause: the read of that response has just emptied the socket.
    has_just_read: bool,
    opened: At,
}

/// The request that is under way, or was the last one.
struct Sending {
    socket: Socket,
    head: Vec<u8>,
    /// How much of the head was written.
    head_written: usize,
    /// What is to be written next of the body.
    part: Bytes,
    rest: Payload,
}

/// The longest body that is written together with the head, in bytes.
const SHORT: usize = 4096;

impl Http1Connection {
    /// Creates a connection on `socket`, which its client began to open at `now`.
    pub(in crate::wire) fn on(socket: Socket, now: At) -> Self {
        Self {
            sending: Sending {
                socket: socket.clone(),
                head: Vec::new(),
                head_written: 0,
                part: Bytes::new(),
                rest: Payload::Whole(Bytes::new()),
            },
            raw: RawConnection::new(socket),
            keeps: true,
            used: false,
            has_just_read: false,
            opened: now,
        }
    }

    /// Returns whether it can be reused, by the present state of the socket in the kernel.
    pub(crate) fn still_open(&self) -> bool {
        self.is_kept() && (self.has_just_read || self.raw.socket.still_quiet())
    }

    /// Returns whether it can be reused, by what was read so far. Bytes after a response are those of no request.
    fn is_kept(&self) -> bool {
        self.keeps && self.raw.read.is_empty()
    }

    /// Returns whether no request was sent on it yet.
    pub(crate) fn is_fresh(&self) -> bool {
        !self.used
    }

    /// Returns when its client began to connect.
    pub(crate) fn opened(&self) -> At {
        self.opened
    }

    /// Returns how long its client left it silent before the first byte.
    pub(in crate::wire) fn silence(&self) -> &Silence {
        self.raw.silence()
    }

    /// Sends `request`, once, and reads its response to the end.
    pub(crate) async fn exchange(&mut self, request: Request<Payload>, keep_body: bool) -> Exchange {
        let how = Reading { keep_body, pace: request.extensions().get::<ReadPace>().copied() };
        let fresh = !self.used;
        let method = self.begin(request);
        let seen = alongside(self.sending.finish(), self.raw.answer_as(&method, how)).await;
        self.keeps = seen.answer.is_some_and(|answer| answer.keeps);
        let outcome = match seen.outcome {
            Outcome::Unanswered { close } if !self.sending.has_begun() => {
                if !fresh {
                    return Exchange::NotSent;
                }
                Outcome::ClosedBeforeSend { close }
            }
            outcome => outcome,
        };
        Exchange::Ended(RequestResult { outcome, sent: self.sending.is_over(), ..seen })
    }

    /// Sends `request` and returns the status of its response as soon as it arrives. `Err` is how the connection ended.
    pub(crate) async fn status(&mut self, request: Request<Payload>) -> Result<ProbeResponse, Outcome> {
        let method = self.begin(request);
        let head = alongside(self.sending.finish(), self.raw.head(&method)).await?;
        let grpc = head.header(&self.raw.read, GRPC_STATUS).is_some();
        // A server may log a connection that closes during its response as an error: read on briefly.
        let rest = alongside(self.sending.finish(), self.raw.answer_as(&method, Reading::default()));
        let _cut = timeout(READ_ON, rest).await;
        Ok(ProbeResponse { status: head.status, grpc })
    }

    fn begin(&mut self, request: Request<Payload>) -> Method {
        (self.used, self.has_just_read) = (true, false);
        let method = request.method().clone();
        self.sending.begin(request);
        method
    }

    /// Returns the first byte received, which distinguishes TLS from HTTP.
    pub(crate) fn first_byte(&self) -> Option<u8> {
        self.raw.read.first().copied()
    }

    /// Returns whether the connection is kept after a whole response. A request that was answered before its end is sent to the end.
    pub(crate) async fn kept(&mut self) -> bool {
        self.is_kept() && self.sending.finish().await
    }

    /// Pauses for `time` while watching the connection. `false`: the server has closed it meanwhile, or sent what no request asked for.
    pub(crate) async fn idle(&mut self, time: Duration) -> bool {
        self.has_just_read = time.is_zero();
        tokio::select! {
            biased;
            _ = self.raw.more(1) => false,
            () = pause(time) => true,
        }
    }

    /// Returns whether bytes have arrived that no request asked for. The end of the connection may be behind them.
    pub(crate) fn has_unasked(&self) -> bool {
        self.raw.has_unasked()
    }

    /// Lets the server close first, within a short limit. Returns whether bytes came that no request asked for.
    pub(crate) async fn let_peer_close(self) -> bool {
        let mut has_unasked = !self.raw.read.is_empty();
        tokio::select! {
            () = self.raw.socket.closed_by_peer(&mut has_unasked) => {}
            () = sleep(PEER_CLOSE) => {}
        }
        has_unasked
    }
}

impl Sending {
    /// Begins with `request`.
    fn begin(&mut self, request: Request<Payload>) {
        self.head.clear();
        self.head_written = 0;
        write_head(&request, &mut self.head);
        self.part = Bytes::new();
        self.rest = match request.into_body() {
            Payload::Whole(body) if body.len() <= SHORT => {
                self.head.extend_from_slice(&body);
                Payload::Whole(Bytes::new())
            }
            body => body,
        };
    }

    /// Writes what is missing of the request. `false`: the connection takes no more, and reading shows why.
    ///
    /// # Cancel safety
    ///
    /// What was written is known, and the next call goes on.
    async fn finish(&mut self) -> bool {
        loop {
            while let Some(head) = self.head.get(self.head_written..).filter(|head| !head.is_empty()) {
                let Ok(count) = self.socket.write_some(head).await else { return false };
                self.head_written = self.head_written.saturating_add(count);
            }
            while !self.part.is_empty() {
                let Ok(count) = self.socket.write_some(&self.part).await else { return false };
                self.part.advance(count);
            }
            if self.socket.flush().await.is_err() {
                return false;
            }
            match self.rest.next().await {
                Some(part) => self.part = part,
                None => return true,
            }
        }
    }

    /// Returns whether a byte of the request was written.
    fn has_begun(&self) -> bool {
        self.head_written > 0
    }

    /// Returns whether the request was written completely.
    fn is_over(&self) -> bool {
        self.head_written == self.head.len() && self.part.is_empty() && self.rest.is_over()
    }
}

/// Sends while `read` waits for the response, which may come before the request is sent.
async fn alongside<T>(send: impl Future<Output = bool>, read: impl Future<Output = T>) -> T {
    let (mut send, mut read) = (pin!(send), pin!(read));
    let mut has_ended = false;
    poll_fn(|cx| -> Poll<T> {
        has_ended = has_ended || send.as_mut().poll(cx).is_ready();
        read.as_mut().poll(cx)
    })
    .await
}

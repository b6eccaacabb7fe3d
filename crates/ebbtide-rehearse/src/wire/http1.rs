//! One HTTP/1.1 connection on hyper's low-level API: no pool, no retry, nothing hidden.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use ebbtide_http1::{Parsed, parse};
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION, TRANSFER_ENCODING};
use http::{Method, Request, Response, Version};
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use tokio::time::sleep;

use super::connection::{
    Exchange, GRPC_STATUS, KEPT_BODY, NoConnection, PEER_CLOSE, ProbeResponse, READ_ON, RequestResult,
    grpc_status,
};
use super::events::{EventTail, is_event_stream};
use super::pace::{ReadPace, pause};
use super::payload::Payload;
use super::request::wire_length;
use super::socket::{Mark, Socket, Wire};
use crate::clock::At;
use crate::record::{Answer, Close, Digest, Framing, Outcome, Progress, digest};

/// An open connection and its driver, which runs while a caller waits for it.
pub(crate) struct Http1Connection {
    socket: Socket,
    sender: SendRequest<Payload>,
    /// Dropped when it has ended: only then is the sender notified.
    driver: Option<Driver>,
    used: bool,
    /// Whether the next request follows the last response without a pause: the read of that response has just emptied the socket.
    has_just_read: bool,
    opened: At,
}

type Driver = Pin<Box<http1::Connection<Wire, Payload>>>;

impl Http1Connection {
    /// Creates a connection on `socket`, which its client began to open at `now`.
    pub(super) async fn on(socket: Socket, now: At) -> Result<Self, NoConnection> {
        let (sender, driver) = http1::handshake(socket.wire())
            .await
            .map_err(|error| NoConnection::Trouble(io::Error::other(error)))?;
        Ok(Self {
            socket,
            sender,
            driver: Some(Box::pin(driver)),
            used: false,
            has_just_read: false,
            opened: now,
        })
    }

    /// Returns whether it can be reused, by the present state of the socket in the kernel.
    pub(crate) fn still_open(&self) -> bool {
        self.driver.is_some() && !self.sender.is_closed() && (self.has_just_read || self.socket.still_quiet())
    }

    /// Returns whether no request was sent on it yet.
    pub(crate) fn is_fresh(&self) -> bool {
        !self.used
    }

    /// Returns when its client began to connect.
    pub(crate) fn opened(&self) -> At {
        self.opened
    }

    /// Sends `request`, once, and reads its response to the end.
    pub(crate) async fn exchange(&mut self, request: Request<Payload>, keep_body: bool) -> Exchange {
        let mark = self.socket.mark();
        let fresh = !self.used;
        (self.used, self.has_just_read) = (true, false);
        let head = request.method() == Method::HEAD;
        let length = wire_length(&request);
        let mut status = None;
        let mut kept = Vec::new();
        let mut progress = None;
        let pace = request.extensions().get::<ReadPace>().copied();
        let answer = {
            let sender = &mut self.sender;
            let (status, kept, progress) = (&mut status, &mut kept, &mut progress);
            let talk = async move {
                let response = sender.send_request(request).await?;
                *status = Some(response.status().as_u16());
                let mut answer = Answer {
                    length: 0,
                    digest: 0,
                    framing: framing(&response, head),
                    location: response.headers().get(LOCATION).map(|to| digest(to.as_bytes())),
                    keeps: keeps(&response, head),
                    open_event: false,
                    event_stream: None,
                    grpc: response.headers().contains_key(GRPC_STATUS),
                    grpc_status: response
                        .headers()
                        .get(GRPC_STATUS)
                        .and_then(|status| grpc_status(status.as_bytes())),
                    open_grpc: false,
                    no_number: false,
                };
                let kind = response.headers().get(CONTENT_TYPE);
                let mut events =
                    kind.filter(|kind| is_event_stream(kind.as_bytes())).map(|_| EventTail::default());
                let mut body = response.into_body();
                let of = body.size_hint().exact();
                let mut reading = pace.map(|pace| pace.begin(of));
                let mut seen = Digest::default();
                while let Some(frame) = body.frame().await {
                    let frame = frame?;
                    let Some(data) = frame.data_ref() else { continue };
                    answer.length = answer.length.saturating_add(data.len() as u64);
                    seen.add(data);
                    *progress = of.map(|of| Progress { done: answer.length, of });
                    if let Some(events) = &mut events {
                        events.add(data);
                    }
                    if keep_body && kept.len().saturating_add(data.len()) <= KEPT_BODY {
                        kept.extend_from_slice(data);
                    }
                    if let Some(reading) = &mut reading {
                        reading.read(data.len()).await;
                    }
                }
                answer.digest = seen.value();
                answer.event_stream = Some(events.is_some());
                answer.open_event = events.is_some_and(|events| !events.is_whole());
                Ok::<Answer, hyper::Error>(answer)
            };
            alongside(&mut self.driver, talk).await.ok()
        };
        let received = self.socket.received_since(mark) > 0;
        let outcome = match (status, self.socket.close()) {
            (Some(status), _) if answer.is_some() => Outcome::Answered { status },
            // Bytes came, the connection is still there, and hyper reads no answer from them.
            (_, None) if received => Outcome::Malformed,
            (status, close) => {
                let close = close.unwrap_or(Close::Eof);
                match status {
                    Some(_) => Outcome::CutInBody { close },
                    None if received => self.cut_in_head(mark, close),
                    None if self.socket.sent_since(mark) > 0 => Outcome::Unanswered { close },
                    None if fresh => Outcome::ClosedBeforeSend { close },
                    None => return Exchange::NotSent,
                }
            }
        };
        let sent = self.socket.sent_since(mark) >= length;
        let progress = progress.filter(|_| matches!(outcome, Outcome::CutInBody { .. }));
        Exchange::Ended(RequestResult { outcome, sent, answer, body: kept, progress })
    }

    /// Sends `request` and returns the status of its response as soon as it arrives. `Err` is how the connection ended.
    pub(crate) async fn status(&mut self, request: Request<Payload>) -> Result<ProbeResponse, Outcome> {
        let mark = self.socket.mark();
        self.used = true;
        let sender = &mut self.sender;
        let talk = async move { sender.send_request(request).await };
        let response = alongside(&mut self.driver, talk).await;
        let received = self.socket.received_since(mark) > 0;
        let response = response.map_err(|_| match self.socket.close() {
            None if received => Outcome::Malformed,
            Some(close) if received => self.cut_in_head(mark, close),
            close => Outcome::Unanswered { close: close.unwrap_or(Close::Eof) },
        })?;
        let seen = ProbeResponse {
            status: response.status().as_u16(),
            grpc: response.headers().contains_key(GRPC_STATUS),
        };
        // A server may log a connection that closes during its response as an error: read on briefly.
        let mut body = response.into_body();
        let rest = async move { while let Some(Ok(_)) = body.frame().await {} };
        tokio::select! {
            () = alongside(&mut self.driver, rest) => {}
            () = sleep(READ_ON) => {}
        }
        Ok(seen)
    }

    /// Returns the first byte received, which distinguishes TLS from HTTP.
    pub(crate) fn first_byte(&self) -> Option<u8> {
        self.socket.first_byte()
    }

    /// Whether the connection is kept after a whole response.
    pub(crate) async fn kept(&mut self) -> bool {
        let sender = &mut self.sender;
        let ready = async move { sender.ready().await.is_ok() };
        alongside(&mut self.driver, ready).await && self.driver.is_some()
    }

    /// Pauses for `time` while watching the connection. `false`: the server has closed it meanwhile.
    pub(crate) async fn idle(&mut self, time: Duration) -> bool {
        self.has_just_read = time.is_zero();
        tokio::select! {
            biased;
            () = ended(&mut self.driver) => false,
            () = pause(time) => true,
        }
    }

    /// Lets the server close first, within a short limit.
    pub(crate) async fn let_peer_close(self) {
        tokio::select! {
            () = self.socket.closed_by_peer() => {}
            () = sleep(PEER_CLOSE) => {}
        }
    }

    /// Bytes came without a complete head: a truncated head, only an interim response, or not HTTP.
    fn cut_in_head(&self, mark: Mark, close: Close) -> Outcome {
        match parse(&self.socket.head_since(mark), ebbtide_http1::Method::Other) {
            Parsed::Malformed => Outcome::Malformed,
            Parsed::Nothing => Outcome::Unanswered { close },
            Parsed::InHead | Parsed::InBody | Parsed::Whole { .. } => Outcome::CutInHead { close },
        }
    }
}

fn framing<B>(response: &Response<B>, head: bool) -> Framing {
    if head || matches!(response.status().as_u16(), 101 | 204 | 304) {
        Framing::NoBody
    } else if has_token(response.headers(), TRANSFER_ENCODING, "chunked") {
        Framing::Chunked
    } else if response.headers().contains_key(CONTENT_LENGTH)
        && !response.headers().contains_key(TRANSFER_ENCODING)
    {
        Framing::Length
    } else {
        Framing::Close
    }
}

fn keeps<B>(response: &Response<B>, head: bool) -> bool {
    let headers = response.headers();
    let old = response.version() == Version::HTTP_10;
    framing(response, head) != Framing::Close
        && response.status().as_u16() != 101
        && !has_token(headers, CONNECTION, "close")
        && (!old || has_token(headers, CONNECTION, "keep-alive"))
}

fn has_token(headers: &HeaderMap, name: http::HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(token))
}

/// Drives the connection while `work` waits for it. `work` still receives what the connection delivers at its end.
async fn alongside<T>(driver: &mut Option<Driver>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        // Pending or just ended: either way `work` may have got something.
        let _ended = poll_driver(driver, cx);
        work.as_mut().poll(cx)
    })
    .await
}

/// Drives the connection to its end.
async fn ended(driver: &mut Option<Driver>) {
    poll_fn(|cx| poll_driver(driver, cx)).await;
}

fn poll_driver(driver: &mut Option<Driver>, cx: &mut Context<'_>) -> Poll<()> {
    match driver.as_mut().map(|driver| driver.as_mut().poll(cx)) {
        Some(Poll::Pending) => Poll::Pending,
        // The bytes show how it ended, not hyper's error.
        Some(Poll::Ready(_)) | None => {
            *driver = None;
            Poll::Ready(())
        }
    }
}

//! One HTTP/1.1 connection as its clients use it: one request at a time, no pool, no retry, nothing hidden.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{Method, Request};
use tokio::time::{sleep, timeout};

use super::connection::{Exchange, GRPC_STATUS, PEER_CLOSE, ProbeResponse, READ_ON, RequestResult};
use super::pace::{ReadPace, pause};
use super::payload::Payload;
use super::raw::{RawConnection, Reading};
use super::request::write_head;
use super::socket::Socket;
use crate::clock::At;
use crate::record::Outcome;

/// An open connection.
pub(crate) struct Http1Connection {
    raw: RawConnection,
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
    pub(super) fn on(socket: Socket, now: At) -> Self {
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

    /// Pauses for `time` while watching the connection. `false`: the server has closed it meanwhile, or sent what nobody asked for.
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

    /// Lets the server close first, within a short limit.
    pub(crate) async fn let_peer_close(self) {
        tokio::select! {
            () = self.raw.socket.closed_by_peer() => {}
            () = sleep(PEER_CLOSE) => {}
        }
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
    use std::sync::Arc;
    use std::thread::{Builder, JoinHandle};

    use super::*;
    use crate::record::{Close, Framing, digest};
    use crate::scenario::{RequestTemplate, Route, Target};
    use crate::wire::{Address, RequestSpec};

    const PONG: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npong";

    /// Connects to a server that serves one connection.
    async fn serving<T: Send + 'static>(
        serve: impl FnOnce(TcpStream) -> T + Send + 'static,
    ) -> (Http1Connection, JoinHandle<T>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let socket = Socket::connect(&to(listener.local_addr().unwrap())).await.unwrap();
        let served = Builder::new().spawn(move || serve(listener.accept().unwrap().0)).unwrap();
        (Http1Connection::on(socket, At::default()), served)
    }

    fn to(socket: SocketAddr) -> Address {
        let template = RequestTemplate { body: Some("x".repeat(100).into()), ..RequestTemplate::default() };
        Address::new(socket.into(), &Target::tcp("127.0.0.1", 80), &Arc::new(template), &Arc::default())
    }

    fn request(method: &Method) -> Request<Payload> {
        let route = Route { method: method.clone(), ..Route::get("/") };
        RequestSpec::plain(&route).request(&to(SocketAddr::from((Ipv4Addr::LOCALHOST, 1))), None).unwrap()
    }

    /// A request whose body is sent within `time`.
    fn slow_request(time: Duration) -> Request<Payload> {
        let route = Route { method: Method::POST, ..Route::get("/") };
        let to = to(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
        RequestSpec::slow(&route, time).request(&to, None).unwrap()
    }

    /// Reads up to the end of a head.
    fn read_head(stream: &mut TcpStream) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap()
    }

    async fn exchange(connection: &mut Http1Connection, request: Request<Payload>) -> RequestResult {
        match connection.exchange(request, true).await {
            Exchange::Ended(seen) => seen,
            Exchange::NotSent => panic!("nothing was sent"),
        }
    }

    #[tokio::test]
    async fn a_response_is_read_by_its_framing_in_whatever_parts_it_comes() {
        for (method, response, status, framing, body, keeps) in [
            (Method::GET, PONG, 200, Framing::Length, "pong", true),
            (
                Method::GET,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npong\r\n0\r\nSum: 1\r\n\r\n",
                200,
                Framing::Chunked,
                "pong",
                true,
            ),
            (
                Method::GET,
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
                 HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno",
                404,
                Framing::Length,
                "no",
                false,
            ),
            (Method::GET, "HTTP/1.0 200 OK\r\n\r\npong", 200, Framing::Close, "pong", false),
            (Method::GET, "HTTP/1.1 204 No Content\r\n\r\n", 204, Framing::NoBody, "", true),
            (Method::HEAD, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n", 200, Framing::NoBody, "", true),
        ] {
            for parts in [1, 2, response.len()] {
                let (mut connection, served) = serving(move |mut stream| {
                    read_head(&mut stream);
                    for part in response.as_bytes().chunks(response.len().div_ceil(parts)) {
                        stream.write_all(part).unwrap();
                    }
                    if framing == Framing::Close {
                        stream.shutdown(Shutdown::Both).unwrap();
                    }
                    stream
                })
                .await;
                let seen = exchange(&mut connection, request(&method)).await;
                let answer = seen.answer.unwrap_or_else(|| panic!("{response:?}: {seen:?}"));
                assert_eq!(seen.outcome, Outcome::Answered { status }, "{response:?}");
                assert_eq!((answer.framing, answer.digest), (framing, digest(body.as_bytes())));
                assert_eq!((seen.body, seen.sent), (body.as_bytes().to_vec(), true));
                assert_eq!((answer.length, answer.keeps), (body.len() as u64, keeps), "{response:?}");
                assert_eq!(connection.kept().await, keeps, "{response:?}");
                served.join().unwrap();
            }
        }
    }

    #[tokio::test]
    async fn the_end_of_a_connection_is_told_by_what_came_before_it() {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";
        for close in [Close::Eof, Close::Reset] {
            for (response, outcome) in [
                (String::new(), Outcome::Unanswered { close }),
                ("HTTP/1.1 100 Continue\r\n\r\n".to_owned(), Outcome::Unanswered { close }),
                ("HTTP/1.1 200 OK\r\ncontent".to_owned(), Outcome::CutInHead { close }),
                (format!("{head}pong"), Outcome::CutInBody { close }),
                (
                    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npong\r\n".to_owned(),
                    Outcome::CutInBody { close },
                ),
                ("SSH-2.0-x\r\n".to_owned(), Outcome::Malformed),
                ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx".to_owned(), Outcome::Malformed),
            ] {
                let sent = response.clone();
                let (mut connection, served) = serving(move |mut stream| {
                    read_head(&mut stream);
                    stream.write_all(sent.as_bytes()).unwrap();
                    if close == Close::Reset {
                        // The client has read what came: a close with a byte unread is a reset.
                        let mut unread = [0];
                        stream.peek(&mut unread).unwrap();
                    }
                })
                .await;
                let method = if close == Close::Reset { Method::POST } else { Method::GET };
                let seen = exchange(&mut connection, request(&method)).await;
                served.join().unwrap();
                assert_eq!(seen.outcome, outcome, "{response:?} {close:?}");
                assert!(seen.answer.is_none() && seen.sent);
                let progress = seen.progress.map(|progress| (progress.done, progress.of));
                assert_eq!(progress, response.starts_with(head).then_some((4, 9)), "{response:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_body_without_a_length_that_a_reset_ends_is_cut() {
        let (mut connection, served) = serving(|mut stream| {
            read_head(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\npo").unwrap();
            stream.peek(&mut [0]).unwrap();
        })
        .await;
        let seen = exchange(&mut connection, request(&Method::POST)).await;
        served.join().unwrap();
        assert_eq!(seen.outcome, Outcome::CutInBody { close: Close::Reset });
    }

    #[tokio::test]
    async fn a_response_before_the_end_of_the_request_is_read_and_the_rest_is_sent_if_it_keeps_the_connection()
     {
        for close in ["", "connection: close\r\n"] {
            let (mut connection, served) = serving(move |mut stream| {
                read_head(&mut stream);
                write!(stream, "HTTP/1.1 200 OK\r\n{close}content-length: 0\r\n\r\n").unwrap();
                let mut body = Vec::new();
                let _ended = stream.take(100).read_to_end(&mut body);
                body.len()
            })
            .await;
            let seen = exchange(&mut connection, slow_request(Duration::from_millis(100))).await;
            assert_eq!(seen.outcome, Outcome::Answered { status: 200 });
            assert!(!seen.sent, "{seen:?}");
            assert_eq!(connection.kept().await, close.is_empty());
            drop(connection);
            let read = served.join().unwrap();
            assert_eq!(read == 100, close.is_empty(), "{read}");
        }
    }

    #[tokio::test]
    async fn a_connection_with_bytes_that_nobody_asked_for_is_not_used_again() {
        let (mut connection, served) = serving(|mut stream| {
            read_head(&mut stream);
            stream.write_all(format!("{PONG}HTTP/1.1 408 Too Late\r\n\r\n").as_bytes()).unwrap();
            stream
        })
        .await;
        assert!(exchange(&mut connection, request(&Method::GET)).await.answer.is_some());
        // Both parts may come in one read or in two.
        assert!(!connection.kept().await || !connection.idle(Duration::from_secs(60)).await);
        assert!(!connection.still_open());
        drop(served.join().unwrap());
    }

    #[tokio::test]
    async fn a_request_of_which_nothing_could_be_written_was_not_sent_on_a_kept_connection() {
        for fresh in [true, false] {
            let (mut connection, served) = serving(move |mut stream| {
                if !fresh {
                    read_head(&mut stream);
                    stream.write_all(PONG.as_bytes()).unwrap();
                }
                // A reset at the close.
                rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
            })
            .await;
            if !fresh {
                assert!(exchange(&mut connection, request(&Method::GET)).await.answer.is_some());
            }
            served.join().unwrap();
            connection.raw.socket.until_ended().await;
            assert!(!connection.still_open());
            let seen = connection.exchange(request(&Method::GET), false).await;
            match (fresh, seen) {
                (false, Exchange::NotSent) => {}
                (true, Exchange::Ended(seen)) => {
                    assert_eq!(seen.outcome, Outcome::ClosedBeforeSend { close: Close::Reset });
                    assert!(!seen.sent);
                }
                (_, seen) => panic!("{seen:?}"),
            }
        }
    }
}

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body;

use super::refusal;
use super::tunnel::Claim;
use crate::health::is_probe;
use crate::http::conn::{Begun, Conn, Ended};
use crate::http::order::Order;
use crate::runtime::{clock, panics};

/// Stands for a request in its connection's book, until its response has been handed over whole or was given up.
#[derive(Debug)]
pub(super) struct Ticket {
    conn: Arc<Conn>,
    begun: Begun,
    http1: bool,
    /// HTTP/1.0, or older.
    old: bool,
    bodiless: bool,
    /// The connection ends with its response, as hyper knows too.
    last: bool,
    connect: bool,
    get: bool,
    grpc: bool,
    /// What it is if it is dropped now; `None` when it stays in flight until the connection's socket is dropped.
    outcome: Option<Ended>,
    waited: bool,
    /// What the request becomes, where its response hands the stream over.
    claim: Option<Arc<Claim>>,
}

impl Ticket {
    pub(super) fn new<B: Body>(conn: &Arc<Conn>, request: &Request<B>) -> Self {
        let context = &conn.context;
        if context.is_announced() && !is_probe(request.uri().path()) {
            context.arrivals.note();
        }
        Self {
            begun: conn.book().begin(request),
            conn: Arc::clone(conn),
            http1: request.version() <= Version::HTTP_11,
            old: request.version() <= Version::HTTP_10,
            bodiless: request.method() == Method::HEAD,
            last: request.version() <= Version::HTTP_11 && asks_for_end(request),
            connect: request.method() == Method::CONNECT,
            get: request.method() == Method::GET,
            grpc: refusal::is_grpc(request),
            outcome: Some(Ended::Unanswered),
            waited: false,
            claim: None,
        }
    }

    /// Prepares the head of the response. `None` when the connection becomes something else with it.
    #[inline]
    pub(super) fn answer<B>(mut self, response: &mut Response<B>) -> Option<Self> {
        let status = response.status();
        let switches = status == StatusCode::SWITCHING_PROTOCOLS || (self.connect && status.is_success());
        if self.http1 && switches {
            self.conn.upgrade(is_websocket(response.headers()));
            self.outcome = None;
            return None;
        }
        if self.connect && status.is_success() {
            self.claim = Some(Claim::offer(&self.conn, self.begun));
        }
        if !self.http1 {
            self.conn.answer(self.begun, self.claim.is_some());
        }
        let context = &self.conn.context;
        if self.http1 && context.is_announced() && self.conn.announces() {
            let order = context.ledger.order();
            if self.conn.may_be_last(self.begun, order) {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                self.last = true;
                if self.old {
                    // Otherwise hyper adds `keep-alive` for a client that asked for it.
                    *response.version_mut() = Version::HTTP_10;
                }
            }
        }
        self.outcome = Some(Ended::Broken);
        self.waited = false;
        self.bodiless |= matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        Some(self)
    }

    /// Tells whether no body is sent whatever the response has.
    #[inline]
    pub(super) fn is_bodiless(&self) -> bool {
        self.bodiless
    }

    #[inline]
    pub(super) fn is_http1(&self) -> bool {
        self.http1
    }

    pub(super) fn is_get(&self) -> bool {
        self.get
    }

    pub(super) fn is_grpc(&self) -> bool {
        self.grpc
    }

    /// Returns what the server wants of its connections now.
    #[inline]
    pub(super) fn order(&self) -> Order {
        self.conn.context.ledger.order()
    }

    /// Notes that the request waits, and returns what the server wants; the task is woken when that changes. Cheap when
    /// it has waited before.
    pub(super) fn wait(&mut self, cx: &Context<'_>) -> Order {
        if !self.waited {
            self.waited = true;
            let answering = self.outcome == Some(Ended::Broken);
            self.conn.wait(self.begun, answering, cx.waker());
        }
        // Only after the waker was left: either the ledger finds it, or its order is found here.
        self.order()
    }

    /// Notes, while the server drains, whether the peer has just been given a part of the response, or is waited for by
    /// the service.
    pub(super) fn offer(&self, given: bool) {
        self.conn.book().offer(self.begun, given.then(clock::now));
    }

    /// Notes that the service has panicked, and logs it.
    #[cold]
    fn panicked(&self, message: &str) {
        self.fail();
        let (method, path) = self.conn.book().name_of(self.begun).unwrap_or_default();
        tracing::error!(%method, path, peer = %self.conn.peer(), panic = message, "request handler panicked");
    }

    /// Notes that the response has no length. Without chunks or frames only the end of the connection tells where it ends.
    pub(super) fn has_no_length(&self, version: Version) {
        if self.http1 && (self.old || version < Version::HTTP_11) {
            self.conn.ends_response(self.begun);
        }
    }

    /// Notes that the client has part of the response and never gets the rest.
    pub(super) fn break_off(&self) {
        self.conn.break_off();
    }

    /// Returns how long the client shall be told to wait before it connects again, if it shall be told.
    pub(super) fn sse_retry(&self) -> Option<Duration> {
        let wait = self.conn.context.settings.sse_retry.as_ref()?;
        let more = wait.end().saturating_sub(*wait.start());
        Some(*wait.start() + self.conn.share(more, self.begun))
    }

    /// Ends the request: its response was handed over to the end.
    #[inline]
    pub(super) fn whole(mut self) {
        self.outcome = Some(Ended::Whole);
    }

    /// Ends the request: its response was ended in order before its source, by its policy.
    pub(super) fn ended_early(mut self) {
        self.outcome = Some(Ended::Early);
    }

    /// Ends the request: its response is broken off, by its policy.
    pub(super) fn broken_off(mut self) {
        self.outcome = Some(Ended::BrokenOff);
    }

    /// Notes that the request has failed, whatever its client gets.
    pub(super) fn fail(&self) {
        self.conn.book().fail(self.begun);
    }

    /// Ends the request because the time is up: it is counted and named as cut, although the client is answered.
    pub(super) fn give_up(&mut self) {
        self.conn.give_up(self.begun);
    }
}

impl Drop for Ticket {
    #[inline]
    fn drop(&mut self) {
        if self.claim.as_ref().is_some_and(|claim| claim.is_taken()) {
            return;
        }
        if self.last && matches!(self.outcome, Some(Ended::Whole | Ended::Early)) {
            self.conn.end_with_response();
        }
        if let Some(outcome) = self.outcome {
            if std::thread::panicking() {
                self.fail();
            }
            self.conn.end(self.begun, outcome);
        }
    }
}

/// Runs code of the service. A panic is logged with the request and goes on; it ends the connection or the stream.
#[inline]
pub(super) fn unless_it_panics<T>(ticket: Option<&Ticket>, run: impl FnOnce() -> T) -> T {
    // Nothing that it may have left half done is used again: the panic goes on.
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(done) => done,
        Err(panic) => {
            if let Some(ticket) = ticket {
                ticket.panicked(&panics::message(&*panic));
            }
            resume_unwind(panic)
        }
    }
}

/// Tells whether a connection becomes a WebSocket, which ends with a close frame (RFC 6455 §7.1): its peer can tell an early
/// end.
fn is_websocket(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Tells whether a client of HTTP/1 asks for the end of the connection.
fn asks_for_end<B>(request: &Request<B>) -> bool {
    request
        .headers()
        .get(header::CONNECTION)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::io::{self, ErrorKind};
    use std::pin::Pin;
    use std::task::{Poll, Waker};

    use bytes::Bytes;
    use http_body::Frame;
    use http_body_util::Empty;
    use socket2::SockRef;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::drain::{Arrivals, StopSource};
    use crate::http::conn::{Held, Socket};
    use crate::http::ledger::Context as Shared;
    use crate::http::request::Reply;
    use crate::http::settings::Settings;
    use crate::http::{Address, BoxError};

    /// Gives its parts one after the other. Then it ends, or waits for ever.
    struct Parts(VecDeque<&'static str>, bool);

    impl Body for Parts {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.0.pop_front() {
                Some(part) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(part.as_bytes()))))),
                None if self.1 => Poll::Ready(None),
                None => Poll::Pending,
            }
        }
    }

    /// Both ends of a connection, and a response on its way.
    struct Halfway {
        client: TcpStream,
        held: Held,
        socket: Socket,
        reply: Pin<Box<Reply<Parts>>>,
        shared: Arc<Shared>,
    }

    impl Halfway {
        async fn new(version: Version, ends: bool) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (stream, peer) = listener.accept().await.unwrap();
            let shared = Arc::new(Shared {
                ledger: Arc::default(),
                settings: Settings::default(),
                arrivals: Arrivals::new(),
                announced: StopSource::new(clock::now).token(),
                stop: StopSource::new(clock::now).token(),
                health: None,
            });
            let socket = Socket::Tcp(stream);
            let held = Held::new(&shared, &socket, Address::Tcp(peer));
            let mut request = Request::new(Empty::<Bytes>::new());
            *request.version_mut() = version;
            let mut response = Response::new(Parts(VecDeque::from(["one", "two"]), ends));
            let ticket = Ticket::new(held.conn(), &request).answer(&mut response);
            let reply = Box::pin(Reply::new(response, ticket, None).into_body());
            Self { client, held, socket, reply, shared }
        }

        /// Asks the body for its next part. `None` when it waits, and an empty one at the end.
        fn next(&mut self) -> Option<Result<usize, BoxError>> {
            match self.reply.as_mut().poll_frame(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Some(Ok(frame))) => Some(Ok(frame.data_ref().map_or(0, bytes::Buf::remaining))),
                Poll::Ready(Some(Err(error))) => Some(Err(error)),
                Poll::Ready(None) => Some(Ok(0)),
                Poll::Pending => None,
            }
        }

        fn gives(&mut self) {
            assert!(matches!(self.next(), Some(Ok(3))));
        }

        /// Tells whether the kernel resets the connection when the process ends.
        fn resets(&self) -> bool {
            SockRef::from(&self.socket).linger().unwrap() == Some(Duration::ZERO)
        }

        /// Drops everything in hyper's order, and returns what the client sees.
        async fn end(self) -> io::Result<usize> {
            let Self { mut client, held, socket, reply, .. } = self;
            drop(held);
            drop(socket);
            drop(reply);
            client.read(&mut [0]).await
        }

        async fn ends_with_reset(self) -> bool {
            self.end().await.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
        }
    }

    const VERSIONS: [Version; 2] = [Version::HTTP_10, Version::HTTP_11];

    /// The connection looks at the order before it polls the body; the order may come between the two, and the body's own
    /// look then comes before the ledger's to this connection.
    #[tokio::test]
    async fn a_body_that_finds_the_deadline_before_its_connection_does_is_reset() {
        for version in VERSIONS {
            let mut halfway = Halfway::new(version, false).await;
            halfway.gives();
            halfway.gives();
            halfway.shared.ledger.raise(Order::Cut);
            assert!(matches!(halfway.next(), Some(Err(_))));
            assert!(halfway.ends_with_reset().await, "{version:?}");
        }
    }

    #[tokio::test]
    async fn a_body_whose_first_part_is_given_after_the_deadline_is_reset() {
        for version in VERSIONS {
            let mut halfway = Halfway::new(version, false).await;
            halfway.shared.ledger.cut_all();
            halfway.gives();
            assert!(halfway.resets() && halfway.ends_with_reset().await, "{version:?}");
        }
    }

    #[tokio::test]
    async fn a_body_that_is_cancelled_is_reset_even_if_only_the_kernel_closes_its_socket() {
        for version in VERSIONS {
            let mut halfway = Halfway::new(version, false).await;
            halfway.gives();
            halfway.shared.ledger.cut_all();
            assert!(halfway.resets(), "{version:?}");
        }
    }

    #[tokio::test]
    async fn a_body_that_only_the_close_ends_is_guarded_from_its_beginning() {
        let mut halfway = Halfway::new(Version::HTTP_10, true).await;
        assert!(halfway.resets());
        for _ in 0..2 {
            halfway.gives();
            halfway.held.flushed();
            assert!(halfway.resets());
        }
        assert!(matches!(halfway.next(), Some(Ok(0))));
        halfway.held.flushed();
        assert!(!halfway.resets(), "it is whole");
        assert_eq!(halfway.end().await.unwrap(), 0);
    }

    /// It costs nothing before: the chunks, or the length, tell its client.
    #[tokio::test]
    async fn a_body_with_an_end_of_its_own_is_guarded_from_the_signal_on() {
        for begins_before in [true, false] {
            let mut halfway = Halfway::new(Version::HTTP_11, true).await;
            if begins_before {
                halfway.gives();
                assert!(!halfway.resets());
            }
            halfway.shared.ledger.raise(Order::Announce);
            if !begins_before {
                halfway.gives();
            }
            assert!(halfway.resets(), "{begins_before}");
            halfway.gives();
            assert!(matches!(halfway.next(), Some(Ok(0))));
            assert!(halfway.resets(), "it may not have been written yet");
            halfway.held.flushed();
            assert!(!halfway.resets());
            assert_eq!(halfway.end().await.unwrap(), 0);
        }
    }

    /// The opposite: what is whole ends in order, whenever it became so.
    #[tokio::test]
    async fn a_body_that_is_whole_is_not_reset() {
        for version in VERSIONS {
            let mut halfway = Halfway::new(version, true).await;
            halfway.gives();
            halfway.gives();
            assert!(matches!(halfway.next(), Some(Ok(0))));
            halfway.shared.ledger.cut_all();
            assert_eq!(halfway.end().await.unwrap(), 0, "{version:?}");
        }
    }
}

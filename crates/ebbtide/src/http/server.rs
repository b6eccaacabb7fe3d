use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use tower_service::Service;

use super::registry::ConnRegistry;
use super::settings::{ServerContext, Settings, our_http1, our_http2, try_out};
use super::spawn::StreamExecutor;
use super::{BoxError, CloseMode, IntoListeners, Listeners, ServeError, serve};
use crate::drain::{Arrivals, Stop, Work};
use crate::model::Plan;

/// Serves HTTP/1 and HTTP/2 for a tower service such as `axum::Router`, and stops without loss.
///
/// # Examples
///
/// ```
/// # use std::time::{Duration, Instant};
/// use ebbtide::drain::StopSource;
/// use ebbtide::http::{Listener, Server};
/// # use ebbtide::model::Cause;
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let router = axum::Router::new().route("/ping", axum::routing::get(async || "pong"));
/// let listener = Listener::bind("127.0.0.1:0").await?;
/// let stop = StopSource::new();
///
/// let server = Server::new(router).idle_quiet(Duration::from_millis(500));
/// let work = server.work();
/// let serving = server.serve(listener, stop.token(), stop.token());
///
/// stop.stop(Cause::Requested { reason: "example".into() }, None);
/// serving.await?;
/// assert_eq!((work.in_flight(), work.cancelled()), (0, 0));
/// # Ok(()) }
/// ```
#[must_use = "a server does nothing until `serve` is called"]
pub struct Server<S> {
    service: S,
    settings: Settings,
    arrivals: Arrivals,
    registry: Arc<ConnRegistry>,
}

impl<S> Server<S> {
    /// Makes a server for a service. Each connection gets a clone of it, and each HTTP/2 stream; the HTTP/1 requests of a
    /// connection come one after the other and share theirs.
    pub fn new(service: S) -> Self {
        let settings = Settings::default();
        Self { service, settings, arrivals: Arrivals::new(), registry: Arc::new(ConnRegistry::default()) }
    }

    /// Sets how long a connection that was accepted and has sent nothing is waited for when the server stops.
    ///
    /// Default: 1 s from its acceptance. The first bytes usually come with the end of the handshake; when they are lost
    /// on the way, their repetition comes within a second. It holds up a stop only by what is left of it then.
    pub fn first_byte_grace(mut self, grace: Duration) -> Self {
        self.settings.first_byte_grace = grace;
        self
    }

    /// Sets for how long after its last response an idle keep-alive connection must have been quiet to be closed when
    /// the server stops.
    ///
    /// Default: 1 s. A client that thinks for less than that, plus a round trip, never has a request on the way when
    /// its connection is closed: the answer to that request tells it to come back elsewhere. Connections that have been
    /// quiet for longer when the stop begins are closed at once.
    pub fn idle_quiet(mut self, quiet: Duration) -> Self {
        self.settings.idle_quiet = quiet;
        self
    }

    /// Sets how long a client may take from the first to the last byte of a request's head, at any time.
    ///
    /// Default: 10 s. A head takes one or two packets; this leaves room for several that are lost. A connection on which
    /// nothing of a request has come is not bounded by it.
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.settings.header_timeout = timeout;
        self
    }

    /// Sets how long a client may take for what comes before HTTP, from its first byte on, at any time: the TLS handshake,
    /// and the load balancer's PROXY header.
    ///
    /// Default: 10 s, as for Go's `http.Transport`. When the server stops, a handshake on which nothing more has come for
    /// [`first_byte_grace`](Self::first_byte_grace) is let go before that; one that goes on is finished and served.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.settings.handshake_timeout = timeout;
        self
    }

    /// Sets how long a request may take from the end of its head to the end of its response.
    ///
    /// Default: no limit but the stop's. A request that has not been answered by then is dropped and answered with 503;
    /// a response that has begun is broken off, so that the client can tell.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.settings.request_timeout = Some(timeout);
        self
    }

    /// Sets for how long a connection that this side closes is read on, to let the last response arrive (RFC 9112 §9.6).
    ///
    /// Default: 1 s. It ends as soon as the client closes too, which clients do when they are told `Connection: close`.
    pub fn linger(mut self, limit: Duration) -> Self {
        self.settings.linger = limit;
        self
    }

    /// Sets whether clients are told from the stop signal on that their connection will end, or only after the lame
    /// duck: HTTP/1 responses say `Connection: close`, HTTP/2 connections get a GOAWAY.
    ///
    /// Default: from the signal on. It is what moves keep-alive clients away without a race.
    pub fn announce_close(mut self, announce: bool) -> Self {
        self.settings.announce_close = announce;
        self
    }

    /// Sets over how long, from the stop signal on, the connections are told that they will end, each at its own
    /// instant, so that not all clients come back in the same one.
    ///
    /// HTTP/1 connections that are idle are closed after that, spread over as much time again: under a lifecycle over the second
    /// half of the lame duck's minimum. Without a spread they are closed when the lame duck is over.
    ///
    /// Default: half of the lame duck's minimum under a lifecycle, otherwise zero: all at the signal. When the lame duck is
    /// over, every client that asks is told.
    pub fn announce_over(mut self, spread: Duration) -> Self {
        self.settings.announce_over = Some(spread);
        self
    }

    /// Lets streams of server-sent events that end because the server stops close with `retry: <ms>`, by which the client
    /// waits before it connects again; each says another number of the range, so that they don't all come back at once.
    ///
    /// Default: nothing is sent; the clients wait as long as they were told before, or by their own default.
    pub fn sse_retry(mut self, wait: RangeInclusive<Duration>) -> Self {
        self.settings.sse_retry = Some(wait);
        self
    }

    /// Sets how long, once the server drains, a client may make no progress before it is given up: while it owes the rest of a
    /// request's head or body, takes nothing of a response, leaves the close frame of a WebSocket unanswered, or acknowledges no
    /// packet.
    ///
    /// Default: 5 s. By then the kernel has repeated a lost packet four times (after 0.2, 0.4, 0.8 and 1.6 s). It is at most half
    /// of the time that the server has left when the draining begins, so that no client can hold it until its deadline.
    /// A client that makes progress now and then is slow, and may finish until the deadline; before the server drains, every
    /// client may. Requests that end by it count as abandoned by their clients, and don't change the exit code.
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.settings.stall_timeout = timeout;
        self
    }

    /// Sets how long the answers may take that requests without a response get at the deadline: `503 Service
    /// Unavailable`, or the gRPC status `UNAVAILABLE`. After that everything is cut.
    ///
    /// Default: 200 ms, and under a lifecycle at most two fifths of its plan's allowance for a cut.
    pub fn refusal_time(mut self, time: Duration) -> Self {
        self.settings.refusal_time = time;
        self
    }

    /// Sets how many connections are served at once. Default: as many as the process may have descriptors.
    ///
    /// While there are so many, further connections wait in the kernel's queue, and are accepted as others end. Idle keep-alive connections count, and so do those of probes: serve the
    /// health routes on a listener of their own. When the server
    /// drains, the limit ends: whatever waits in the queue then is accepted and answered, as without a limit.
    pub fn max_connections(mut self, limit: NonZeroUsize) -> Self {
        self.settings.max_connections = Some(limit);
        self
    }

    /// Sets how long a connection may be idle, at any time, before it is closed: after its last response, or, where it has sent
    /// nothing, after it was accepted, and not before [`first_byte_grace`](Self::first_byte_grace).
    ///
    /// Default: no limit. While the server serves, an idle connection stays open as long as its client keeps it.
    ///
    /// Set it higher than the idle timeout of what connects (an AWS Application Load Balancer: 60 s by default; nginx's
    /// `keepalive_timeout` to upstreams: 60 s), so that the client closes first. Over HTTP/1 a request that is on its way while the
    /// connection is closed is lost to a client that does not retry, as with every server; only bytes that have already arrived
    /// prevent the close. Over HTTP/2 no request is lost: the client receives GOAWAY, and the connection closes when it has answered,
    /// or after as much time again.
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.settings.keep_alive_timeout = Some(timeout);
        self
    }

    /// Sets what hyper can be told about HTTP/1, such as the size of its buffer or the number of headers.
    ///
    /// The server decides two settings itself, and overrides them: `half_close` ([`half_close`](Self::half_close) is the server's
    /// own) and `header_read_timeout` ([`header_timeout`](Self::header_timeout)).
    ///
    /// # Panics
    ///
    /// Where hyper's builder does, such as for a `max_buf_size` below 8 KiB: here, not when a connection comes.
    ///
    /// # Examples
    ///
    /// ```
    /// use ebbtide::http::Server;
    ///
    /// let router: axum::Router = axum::Router::new();
    /// let server = Server::new(router).http1(|http1| http1.max_headers(200).auto_date_header(false));
    /// ```
    pub fn http1(mut self, with: impl FnOnce(&mut http1::Builder) -> &mut http1::Builder) -> Self {
        with(&mut self.settings.http1);
        self.settings.http1 = our_http1(self.settings.http1);
        self
    }

    /// Sets what hyper can be told about HTTP/2, such as the number of streams or its own keep-alive pings.
    ///
    /// The server decides some settings itself, and overrides them: the initial windows of streams and connections, 1 MiB, by which it
    /// judges whether a client makes progress ([`stall_timeout`](Self::stall_timeout)); the adaptive window, which is off; the timer,
    /// which is tokio's; and the extended CONNECT protocol, by which WebSockets are opened (RFC 8441), which is on.
    ///
    /// # Panics
    ///
    /// Where hyper's builder does, such as for a `max_frame_size` above 16 MiB: here, not when a connection comes.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use ebbtide::http::Server;
    ///
    /// let router: axum::Router = axum::Router::new();
    /// let server = Server::new(router)
    ///     .http2(|http2| http2.max_concurrent_streams(1000).keep_alive_interval(Duration::from_secs(30)));
    /// ```
    pub fn http2(
        mut self,
        with: impl FnOnce(&mut http2::Builder<StreamExecutor>) -> &mut http2::Builder<StreamExecutor>,
    ) -> Self {
        with(&mut self.settings.http2);
        self.settings.http2 = our_http2(self.settings.http2);
        try_out(&self.settings.http2);
        self
    }

    /// Sets whether requests carry the client's address as a [`Peer`](super::Peer) extension. With the feature `axum` they also
    /// carry axum's `ConnectInfo<SocketAddr>`, except over Unix sockets.
    ///
    /// Default: no. It costs an allocation for each request.
    pub fn peer_info(mut self, carry: bool) -> Self {
        self.settings.peer_info = carry;
        self
    }

    /// Sets whether an HTTP/1 request is answered although its client closes its sending half while the handler runs.
    ///
    /// Default: no, as for hyper and `axum::serve`. A FIN comes from a client that has gone as well as from one that only has
    /// nothing more to say; the server cannot tell them apart.
    ///
    /// - `false`: a handler that waits is cancelled when the FIN comes, and the request counts as abandoned. Only one that
    ///   answers without waiting answers a client that has closed its half right behind its request. As long as another
    ///   request follows in the pipeline, the FIN is not seen.
    /// - `true`: handlers run to their end and every request that came whole is answered. A client that has gone is noticed
    ///   by a reset alone, at the latest by the write of its response.
    ///
    /// It changes nothing for HTTP/2, where the end of the connection ends its streams, nor for a request whose body has not come
    /// whole: it fails.
    pub fn half_close(mut self, answer: bool) -> Self {
        self.settings.half_close = answer;
        self
    }

    /// Chooses how the close is done, for tests and demonstrations.
    ///
    /// Default: [`CloseMode::Lossless`].
    pub fn close_mode(mut self, mode: CloseMode) -> Self {
        self.settings.close_mode = mode;
        self
    }

    /// Gives the counter in which requests are noted that come after the stop signal. Health probes are not.
    pub fn arrivals(mut self, arrivals: Arrivals) -> Self {
        self.arrivals = arrivals;
        self
    }

    /// Returns what tells about the requests in flight, from any thread, during and after [`serve`](Self::serve).
    ///
    /// In flight are requests, half-sent heads and upgraded connections, not idle connections. What was cut stays
    /// among the stragglers, behind what is in flight, up to 1,000 of them; all are counted.
    pub fn work(&self) -> Arc<dyn Work> {
        Arc::<ConnRegistry>::clone(&self.registry)
    }

    /// Takes over what a lifecycle plans, where nothing else was set.
    pub(super) fn follow(mut self, plan: &Plan) -> Self {
        self.settings.follow(plan);
        self
    }

    /// Serves until `stop` is stopping and the last connection is gone.
    ///
    /// - `announced` stopping is the stop signal: the server goes on, and tells its clients to come back elsewhere.
    /// - `stop` stopping is the end of the lame duck: the listener is emptied and closed, and the connections end.
    /// - `stop` cut is the end of the time: requests without a response get 503 in place of it, what is left is cut, all of
    ///   them are counted, and this returns soon.
    ///
    /// # Errors
    ///
    /// Fails when a listener cannot be used at all, and when there is none. No error of a connection, nor one while accepting, ends it.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it closes the listeners and cuts every connection; requests are lost.
    pub fn serve(
        self,
        listeners: impl IntoListeners,
        announced: Stop,
        stop: Stop,
    ) -> impl Future<Output = Result<(), ServeError>> + Send
    where
        S: HttpService,
    {
        self.serve_on(listeners.into_listeners(), announced, stop)
    }

    pub(super) fn serve_on(
        self,
        listeners: io::Result<Listeners>,
        announced: Stop,
        stop: Stop,
    ) -> impl Future<Output = Result<(), ServeError>> + Send
    where
        S: HttpService,
    {
        let Self { service, settings, arrivals, registry } = self;
        serve::serve(service, listeners, ServerContext { registry, settings, arrivals, announced, stop })
    }
}

impl<S> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// A tower service that can be served, such as `axum::Router`: it takes requests with hyper's body and returns responses with any.
///
/// Implemented for every service that fits; there is nothing to implement by hand.
pub trait HttpService:
    Service<
        Request<Incoming>,
        Response = Response<<Self as HttpService>::ResponseBody>,
        Future: Send,
        Error: Into<BoxError>,
    > + Clone
    + Send
    + 'static
{
    /// The body of its responses.
    type ResponseBody: Body<Data: Send, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B> HttpService for S
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send, Error: Into<BoxError>>
        + Clone
        + Send
        + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type ResponseBody = B;
}

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
use super::settings::{ServerContext, Settings, check_http2, with_fixed_http1, with_fixed_http2};
use super::spawn::StreamExecutor;
use super::{BoxError, CloseMode, IntoListeners, Listeners, ServeError, serve};
use crate::drain::{Arrivals, Stop, Work};
use crate::model::Plan;

/// Serves HTTP/1 and HTTP/2 for a tower service such as `axum::Router`, and shuts down without losing a request.
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
    pub(super) settings: Settings,
    arrivals: Arrivals,
    pub(super) registry: Arc<ConnRegistry>,
}

impl<S> Server<S> {
    /// Creates a server for a service.
    ///
    /// Each connection and each HTTP/2 stream gets a clone of the service. The HTTP/1 requests of a connection run one
    /// after the other and share one clone.
    pub fn new(service: S) -> Self {
        let settings = Settings::default();
        Self { service, settings, arrivals: Arrivals::new(), registry: Arc::new(ConnRegistry::default()) }
    }

    /// Sets how long the server waits at shutdown for an accepted connection that has sent nothing.
    ///
    /// Default: 1 s, counted from its acceptance. The first bytes usually arrive with the end of the handshake; when
    /// they are lost, their retransmission arrives within a second. The shutdown is delayed only by what is left of
    /// this time.
    pub fn first_byte_grace(mut self, grace: Duration) -> Self {
        self.settings.first_byte_grace = grace;
        self
    }

    /// Sets how long an idle keep-alive connection must have been quiet since its last response before the server
    /// closes it at shutdown.
    ///
    /// Default: 1 s. A client whose pause between two requests plus a round trip is shorter than this never has a
    /// request in transit when its connection is closed: the response to its next request announces the close.
    /// Connections that have been quiet for longer when the shutdown begins are closed immediately.
    pub fn idle_quiet(mut self, quiet: Duration) -> Self {
        self.settings.idle_quiet = quiet;
        self
    }

    /// Sets the maximum time between the first and the last byte of a request's head. It applies at any time.
    ///
    /// Default: 10 s. A head takes one or two packets; this leaves room for several lost ones. It does not limit a
    /// connection on which no byte of a request has arrived.
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.settings.header_timeout = timeout;
        self
    }

    /// Sets the maximum time for what precedes HTTP: the load balancer's PROXY header and the TLS handshake. It starts
    /// with the client's first byte and applies at any time.
    ///
    /// Default: 10 s, as for Go's `http.Transport`. At shutdown, a handshake that receives nothing for
    /// [`first_byte_grace`](Self::first_byte_grace) is aborted earlier; one that makes progress is completed and
    /// served.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.settings.handshake_timeout = timeout;
        self
    }

    /// Sets the maximum time between the end of a request's head and the end of its response.
    ///
    /// Default: no limit except the shutdown deadline. A request without a response is then cancelled and answered
    /// with 503. A response that has begun is aborted, so that the client can tell.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.settings.request_timeout = Some(timeout);
        self
    }

    /// Sets how long a connection is still read after the server has closed it, so that the last response arrives (RFC
    /// 9112 §9.6).
    ///
    /// Default: 1 s. It ends as soon as the client closes too, which clients do after `Connection: close`.
    pub fn linger(mut self, limit: Duration) -> Self {
        self.settings.linger = limit;
        self
    }

    /// Sets whether the server announces the close of connections from the stop signal on, or only after the lame duck:
    /// HTTP/1 responses carry `Connection: close`, HTTP/2 connections get a GOAWAY.
    ///
    /// Default: from the signal on. This moves keep-alive clients away without a race.
    pub fn announce_close(mut self, announce: bool) -> Self {
        self.settings.announce_close = announce;
        self
    }

    /// Sets the period after the stop signal over which the close of connections is announced, each at a different
    /// time, so that the clients do not all reconnect at once.
    ///
    /// Idle HTTP/1 connections are closed after that period, spread over the same time again; under a lifecycle, this
    /// is the second half of the lame duck's minimum. Without a spread they are closed when the lame duck ends.
    ///
    /// Default: half of the lame duck's minimum under a lifecycle, otherwise zero: all at the signal. After the lame
    /// duck, every response announces the close.
    pub fn announce_over(mut self, spread: Duration) -> Self {
        self.settings.announce_over = Some(spread);
        self
    }

    /// Sets the range of the `retry: <ms>` field that a stream of server-sent events ends with when the shutdown ends it.
    ///
    /// The client waits for that time before it reconnects. Each stream gets a different value of the range, so that the
    /// clients do not all reconnect at once.
    ///
    /// Default: nothing is sent; clients use the last value that they received, or their default.
    pub fn sse_retry(mut self, wait: RangeInclusive<Duration>) -> Self {
        self.settings.sse_retry = Some(wait);
        self
    }

    /// Sets how long a client may make no progress while the server drains, before its request is ended. No progress
    /// means that it owes the rest of a request's head or body, reads nothing of a response, leaves the close frame of
    /// a WebSocket unanswered, or acknowledges no packet.
    ///
    /// Default: 5 s. In that time the kernel retransmits a lost packet four times (after 0.2, 0.4, 0.8 and 1.6 s). It
    /// is at most half of the time that is left when the draining begins, so that no client can delay the server until
    /// its deadline. A client that makes some progress is slow, and may finish until the deadline. Before the server
    /// drains, every client may. Requests that end this way count as abandoned by their clients and do not change the
    /// exit code.
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.settings.stall_timeout = timeout;
        self
    }

    /// Sets how long the server may take to answer the requests that have no response at the deadline: with
    /// `503 Service Unavailable`, or the gRPC status `UNAVAILABLE`. After that everything is cancelled.
    ///
    /// Default: 200 ms, and under a lifecycle at most two fifths of the plan's allowance for cancellation.
    pub fn refusal_time(mut self, time: Duration) -> Self {
        self.settings.refusal_time = time;
        self
    }

    /// Sets the maximum number of open connections. Default: limited only by the process's file descriptors.
    ///
    /// At the limit, further connections wait in the kernel's queue and are accepted as others end. Idle keep-alive
    /// connections count, and so do those of probes: serve the health routes on a separate listener. When the server
    /// drains, the limit no longer applies: the connections in the queue are accepted and answered.
    pub fn max_connections(mut self, limit: NonZeroUsize) -> Self {
        self.settings.max_connections = Some(limit);
        self
    }

    /// Sets how long a connection may be idle before it is closed, at any time.
    ///
    /// The time starts after the last response. For a connection that has sent nothing it starts when the connection
    /// was accepted, and is at least [`first_byte_grace`](Self::first_byte_grace).
    ///
    /// Default: no limit. While the server serves, an idle connection stays open as long as its client keeps it.
    ///
    /// Set it higher than the idle timeout of the clients (an AWS Application Load Balancer: 60 s by default; nginx's
    /// `keepalive_timeout` to upstreams: 60 s), so that the client closes first. Over HTTP/1 a request in transit while
    /// the connection is closed is lost to a client that does not retry, as with every server; only bytes that have
    /// already arrived prevent the close. Over HTTP/2 no request is lost: the client receives GOAWAY, and the
    /// connection closes when the client has answered, or after the same time again.
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.settings.keep_alive_timeout = Some(timeout);
        self
    }

    /// Configures hyper's HTTP/1 settings, such as the buffer size or the number of headers.
    ///
    /// The server overrides two settings: `half_close` (use [`half_close`](Self::half_close)) and `header_read_timeout`
    /// (use [`header_timeout`](Self::header_timeout)).
    ///
    /// # Panics
    ///
    /// Panics where hyper's builder does, such as for a `max_buf_size` below 8 KiB: here, not when a connection is
    /// accepted.
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
        self.settings.http1 = with_fixed_http1(self.settings.http1);
        self
    }

    /// Configures hyper's HTTP/2 settings, such as the number of streams or its keep-alive pings.
    ///
    /// The server overrides some settings. The initial windows of streams and connections are 1 MiB; the server uses
    /// them to judge whether a client makes progress ([`stall_timeout`](Self::stall_timeout)). The adaptive window is
    /// off. The timer is tokio's. The extended CONNECT protocol (RFC 8441), which opens WebSockets, is on.
    ///
    /// # Panics
    ///
    /// Panics where hyper's builder does, such as for a `max_frame_size` above 16 MiB: here, not when a connection is
    /// accepted.
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
        self.settings.http2 = with_fixed_http2(self.settings.http2);
        check_http2(&self.settings.http2);
        self
    }

    /// Sets whether requests carry the client's address as a [`Peer`](super::Peer) extension. With the feature `axum`
    /// they also carry axum's `ConnectInfo<SocketAddr>`, except over Unix sockets.
    ///
    /// Default: no. It costs an allocation for each request.
    pub fn peer_info(mut self, carry: bool) -> Self {
        self.settings.peer_info = carry;
        self
    }

    /// Sets whether an HTTP/1 request is answered although its client closes its sending half while the handler runs.
    ///
    /// Default: no, as for hyper and `axum::serve`. A FIN may come from a client that has disconnected, or from one
    /// that only has nothing more to send; the server cannot distinguish them.
    ///
    /// - `false`: a handler that waits is cancelled when the FIN arrives, and the request counts as abandoned. A client
    ///   that closes its half right after its request is answered only if the handler does not wait. While another
    ///   request follows in the pipeline, the FIN is not seen.
    /// - `true`: handlers run to completion, and every request that arrived whole is answered. A client that has
    ///   disconnected is noticed only by a reset, at the latest when its response is written.
    ///
    /// It changes nothing for HTTP/2, where the end of the connection ends its streams. A request whose body has not
    /// arrived whole fails in either case.
    pub fn half_close(mut self, answer: bool) -> Self {
        self.settings.half_close = answer;
        self
    }

    /// Sets how the listener and the connections are closed, for tests and demonstrations.
    ///
    /// Default: [`CloseMode::Lossless`].
    pub fn close_mode(mut self, mode: CloseMode) -> Self {
        self.settings.close_mode = mode;
        self
    }

    /// Sets the counter that records requests that arrive after the stop signal. Health probes are not counted.
    pub fn arrivals(mut self, arrivals: Arrivals) -> Self {
        self.arrivals = arrivals;
        self
    }

    /// Returns a view of the requests in flight, usable from any thread, during and after [`serve`](Self::serve).
    ///
    /// In flight are requests, incomplete heads and upgraded connections, not idle connections. What was cancelled
    /// stays among the stragglers, after what is in flight, up to 1,000 entries; all are counted.
    pub fn work(&self) -> Arc<dyn Work> {
        Arc::<ConnRegistry>::clone(&self.registry)
    }

    /// Takes the plan's values for what was not set.
    pub(super) fn follow(mut self, plan: &Plan) -> Self {
        self.settings.follow(plan);
        self
    }

    /// Serves until `stop` is stopping and the last connection has closed.
    ///
    /// - `announced` stopping is the stop signal: the server continues, and announces the close to its clients.
    /// - `stop` stopping is the end of the lame duck: the accept queue is drained, the listener is closed, and the
    ///   connections end.
    /// - `stop` cancelled is the deadline: requests without a response get 503, the rest is cancelled, all of them are
    ///   counted, and this returns soon after.
    ///
    /// # Errors
    ///
    /// Fails when a listener cannot be used at all, and when there is none. No error of a connection or of an `accept`
    /// ends it.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it closes the listeners and cancels every connection; requests are lost.
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

/// A tower service that can be served, such as `axum::Router`: it takes requests with hyper's body and returns
/// responses with any body.
///
/// Implemented for every service that fits; you never implement it manually.
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

use std::future::{IntoFuture, Pending, pending};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use super::run::{ServeParts, ServeSettings, run};
use crate::health::Health;
use crate::http::{HttpService, IntoListeners, Listeners, ServeError, Server};
use crate::layer::StopService;
use crate::model::{LameDuck, Report};
use crate::util::BoxFuture;

/// Serves HTTP for a tower service such as `axum::Router`, without a lifecycle. Replaces `axum::serve`, and loses no
/// request when it stops.
///
/// Awaited as it is, it serves forever. With [`with_graceful_shutdown`](Serve::with_graceful_shutdown) it stops as a
/// server of a lifecycle does: it announces the close and continues to serve through the lame duck, drains the accept
/// queue and closes the listener, lets what is in flight finish, and cancels the rest at its deadline.
///
/// It takes the service itself, not a maker of services. Instead of `into_make_service_with_connect_info`, request the
/// client's address with `.server(|server| server.peer_info(true))`. Handlers find it as axum's
/// `ConnectInfo<SocketAddr>` (feature `axum`) and as a [`Peer`](crate::http::Peer) extension.
///
/// # Examples
///
/// The one line to replace in a program with a custom `main`:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let app = axum::Router::new().route("/ping", axum::routing::get(async || "pong"));
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let shutdown_signal = async || {};
/// // before: axum::serve(listener, app).with_graceful_shutdown(shutdown_signal()).await?;
/// ebbtide::http::serve(listener, app).with_graceful_shutdown(shutdown_signal()).await?;
/// # Ok(()) }
/// ```
///
/// With health routes that fail at the signal, handlers that are notified of it, and settings:
///
/// ```
/// # #[cfg(feature = "axum")]
/// # async fn example(listener: tokio::net::TcpListener, signal: impl Future<Output = ()> + Send + 'static)
/// # -> Result<(), ebbtide::http::ServeError> {
/// use std::time::Duration;
///
/// use axum::routing::get;
/// use ebbtide::health::Health;
/// use ebbtide::layer::HandlerStop;
///
/// let health = Health::new();
/// let slow = get(async |stop: HandlerStop| format!("time left: {:?}", stop.time_left()));
/// let app = axum::Router::new().route("/slow", slow);
///
/// let report = ebbtide::http::serve(listener, health.wrap(app))
///     .health(health)
///     .notify_handlers()
///     .grace_period(Duration::from_secs(60))
///     .server(|server| server.idle_quiet(Duration::from_secs(2)))
///     .with_graceful_shutdown(signal)
///     .await?;
/// println!("{} requests finished after the signal", report.totals().finished);
/// # Ok(()) }
/// ```
pub fn serve<S>(listeners: impl IntoListeners, service: S) -> Serve<S> {
    Serve {
        listeners: listeners.into_listeners(),
        service,
        settings: ServeSettings::default(),
        server: Box::new(|server| server),
        signal: pending(),
    }
}

/// A server without a lifecycle. Created by [`serve`]; does nothing until it is awaited.
///
/// # Budget
///
/// The grace period and the lame duck are those of the platform, as for a [`Lifecycle`](crate::Lifecycle), then those
/// set here, then `EBBTIDE_GRACE`, `EBBTIDE_MARGIN` and `EBBTIDE_LAME_DUCK`. At a terminal, on no recognised platform,
/// there is no lame duck, because no traffic has to move away from a development machine. The server finishes early
/// enough to leave the code after it what the budget reserves for workers, resources and telemetry.
///
/// # Differences from a lifecycle
///
/// The caller provides the signal. A blocked runtime is not ended unless there is a [`watchdog`](Self::watchdog).
/// `EBBTIDE_REPORT` is applied; `EBBTIDE_PLAN` is not, but the plan is logged. The exit code is that of your `main`:
/// with `?` it is 1 where the report says 3.
#[must_use = "a server does nothing until it is awaited"]
pub struct Serve<S, F = Pending<()>> {
    listeners: io::Result<Listeners>,
    service: S,
    settings: ServeSettings,
    server: SetUp<S>,
    signal: F,
}

type SetUp<S> = Box<dyn FnOnce(Server<StopService<S>>) -> Server<StopService<S>> + Send>;

impl<S, F> Serve<S, F> {
    /// Stops when `signal` resolves, without losing a request. A second call replaces the first signal.
    pub fn with_graceful_shutdown<G>(self, signal: G) -> Serve<S, G>
    where
        G: Future<Output = ()> + Send + 'static,
    {
        let Self { listeners, service, settings, server, .. } = self;
        Serve { listeners, service, settings, server, signal }
    }

    /// Sets how long to continue serving after the signal. Default: the platform's; none at a terminal.
    pub fn lame_duck(mut self, lame_duck: LameDuck) -> Self {
        self.settings.budget.lame_duck = Some(lame_duck);
        self
    }

    /// Sets the time between the signal and SIGKILL. Default: the platform's, 10 s if none is recognised.
    pub fn grace_period(mut self, grace: Duration) -> Self {
        self.settings.budget.grace = Some(grace);
        self
    }

    /// Sets how much earlier than SIGKILL the process must have exited. Default: a sixth of the grace period, at most 5
    /// s.
    pub fn margin(mut self, margin: Duration) -> Self {
        self.settings.budget.margin = Some(margin);
        self
    }

    /// Sets a health handle that becomes ready when serving begins, and not ready at the signal. Put its routes in
    /// front of the service with [`Health::wrap`], or serve them on a separate port with
    /// [`serve_health`](crate::http::serve_health).
    pub fn health(mut self, health: Health) -> Self {
        self.settings.health = Some(health);
        self
    }

    /// Adds a [`HandlerStop`](crate::layer::HandlerStop) to each request, which shows a handler whether the shutdown
    /// has begun and how much time is left. It costs an allocation for each request. Default: no.
    pub fn notify_handlers(mut self) -> Self {
        self.settings.notify_handlers = true;
        self
    }

    /// Starts a watchdog thread that enforces the deadline: if the runtime is blocked from the signal on, the process
    /// ends with exit code 4 and a report before SIGKILL. Default: no thread.
    ///
    /// The deadline is the platform's for the whole process, so that the code after the server has time. The thread
    /// ends with the server, unless something was cancelled: work that blocks a thread keeps the runtime from being
    /// dropped, and then the process ends at the deadline with exit code 3. The deadline starts when the signal's
    /// future has resolved: the thread cannot see a signal that a blocked runtime has not delivered. A dedicated signal
    /// thread, or [`Lifecycle`](crate::Lifecycle), can.
    pub fn watchdog(mut self) -> Self {
        self.settings.watched = true;
        self
    }

    /// Configures the [`Server`]. A counter set with [`Server::arrivals`] is replaced.
    pub fn server(
        mut self,
        with: impl FnOnce(Server<StopService<S>>) -> Server<StopService<S>> + Send + 'static,
    ) -> Self
    where
        S: 'static,
    {
        let before = self.server;
        self.server = Box::new(move |server| with(before(server)));
        self
    }

    /// Sets the name in the log and in the report. Default: `http`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }
}

/// Serves. The output is `Ok` with the report when every request was served to its end, and an error when one was
/// cancelled. `?` converts the error to an [`io::Error`] if `main` returns that.
///
/// # Cancel safety
///
/// Dropped, it closes the listener and cancels every connection; requests are lost.
impl<S, F> IntoFuture for Serve<S, F>
where
    S: HttpService,
    F: Future<Output = ()> + Send + 'static,
{
    type Output = Result<Report, ServeError>;
    type IntoFuture = ServeFuture;

    fn into_future(self) -> ServeFuture {
        let Self { listeners, service, settings, server, signal } = self;
        let parts = ServeParts { listeners, service, settings, server };
        ServeFuture(Box::pin(run(parts, signal)))
    }
}

/// Serves until the signal has arrived and the last connection has closed. Created by awaiting a [`Serve`].
#[must_use = "a future does nothing until it is awaited"]
pub struct ServeFuture(BoxFuture<Result<Report, ServeError>>);

impl Future for ServeFuture {
    type Output = Result<Report, ServeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<S, F> fmt::Debug for Serve<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listeners", &self.listeners)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ServeFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeFuture").finish_non_exhaustive()
    }
}

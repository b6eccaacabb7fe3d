use std::panic::Location;
use std::sync::Arc;

use tower_layer::Layer;

use super::in_flight_request::InFlightState;
use super::{HandlerStop, InFlightService};
use crate::drain::{Arrivals, Guard, Idle, Registry, Tracker, Work};
use crate::lifecycle::Handle;
use crate::util::clock;

/// Counts the requests in flight of any tower service behind any server: `axum::serve`, tonic's, hyper's.
///
/// A request is in flight from the call until the body of its response has ended or was dropped. Counting allocates nothing and
/// takes no lock. It costs the guard of a [`Tracker`] (two counter increments on a cache line of the thread), a reference count,
/// and the move of the response into another body.
///
/// A request is counted as one of:
///
/// - *finished*, when the response's body has ended;
/// - *failed*, when the service or the body returns an error or panics;
/// - *abandoned* by its client, when the server drops it earlier.
///
/// A panic is logged with the request's method and path. With the feature `axum-ws`, the peer of axum's `ConnectInfo` is
/// logged too. The panic then continues to the server. Ebbtide's server logs it as well.
///
/// The service cannot follow an upgraded connection (WebSocket): its request counts until the `101` response is passed to
/// the server. Keep a [`guard`](Self::guard) in the upgraded task to count the connection to its end.
///
/// # Examples
///
/// With another server and without a lifecycle:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use axum::{Router, routing::get};
/// use ebbtide::layer::InFlightLayer;
///
/// let in_flight = InFlightLayer::new();
/// let router = Router::new().route("/ping", get(async || "pong")).layer(in_flight.clone());
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let signal = async {};
/// axum::serve(listener, router).with_graceful_shutdown(signal).await?;
/// in_flight.idle().await;
/// assert_eq!(in_flight.in_flight(), 0);
/// # Ok(()) }
/// ```
///
/// As a component of a lifecycle, with the report's counts and stragglers, see [`Handle::in_flight`](crate::Handle::in_flight).
#[derive(Clone, Debug)]
pub struct InFlightLayer {
    shared: Arc<InFlightState>,
}

impl InFlightLayer {
    /// Creates a layer with a new tracker. Its clones, and the services that they create, share the counts.
    pub fn new() -> Self {
        Self { shared: Arc::default() }
    }

    /// Records the method and the path of each request, for [`stragglers`](Work::stragglers). It costs an allocation for
    /// each request.
    ///
    /// Call it before the layer is cloned or used: earlier clones share the counts, but record no names.
    #[must_use = "returns the layer that records names"]
    #[track_caller]
    pub fn named(self) -> Self {
        let created = Location::caller();
        self.with(|shared| shared.names = Some((Registry::with_clock(clock::now), created)))
    }

    /// Adds a [`HandlerStop`] to each request, as [`StopLayer`](super::StopLayer) does. It costs an allocation for each
    /// request.
    ///
    /// Call it before the layer is cloned or used: earlier clones do not notify handlers.
    #[must_use = "returns the layer that notifies handlers"]
    pub fn notify_handlers(self, stop: HandlerStop) -> Self {
        self.with(|shared| (shared.stop, shared.tell) = (Some(stop), true))
    }

    /// Counts other work than a request, such as an upgraded connection, until the guard is dropped.
    pub fn guard(&self) -> Guard {
        self.shared.tracker.guard()
    }

    /// Returns how many requests are in flight. See [`Tracker::in_flight`] for its accuracy.
    pub fn in_flight(&self) -> u64 {
        self.shared.tracker.in_flight()
    }

    /// Waits until no request is in flight. Close the server first: otherwise it accepts new requests.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future loses nothing.
    pub fn idle(&self) -> Idle<'_> {
        self.shared.tracker.idle()
    }

    /// Returns the tracker.
    pub fn tracker(&self) -> &Tracker {
        &self.shared.tracker
    }

    /// Returns the counts and the stragglers for a lifecycle's report, as [`Handle::serve`](crate::Handle::serve) requires them.
    pub fn work(&self) -> Arc<dyn Work> {
        Arc::<InFlightState>::clone(&self.shared)
    }

    /// Reports requests that arrive after the shutdown began to the lame duck, without notifying handlers.
    fn noting(self, stop: HandlerStop, arrivals: Arrivals) -> Self {
        self.with(|shared| (shared.stop, shared.arrivals) = (Some(stop), Some(arrivals)))
    }

    pub(super) fn shared(&self) -> &Arc<InFlightState> {
        &self.shared
    }

    /// Changes the shared state; if it has clones already, changes a copy that has the same tracker.
    fn with(mut self, change: impl FnOnce(&mut InFlightState)) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            change(shared);
            return self;
        }
        let InFlightState { tracker, names, stop, tell, arrivals, .. } = &*self.shared;
        let (names, stop, arrivals) = (names.clone(), stop.clone(), arrivals.clone());
        let tracker = tracker.clone();
        let mut copy =
            InFlightState { tracker, names, stop, tell: *tell, arrivals, ..InFlightState::default() };
        change(&mut copy);
        Self { shared: Arc::new(copy) }
    }
}

/// Creates a layer that counts in an existing tracker, together with the other work of that tracker.
impl From<Tracker> for InFlightLayer {
    fn from(tracker: Tracker) -> Self {
        Self { shared: Arc::new(InFlightState { tracker, ..InFlightState::default() }) }
    }
}

impl Default for InFlightLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for InFlightLayer {
    type Service = InFlightService<S>;

    fn layer(&self, inner: S) -> InFlightService<S> {
        InFlightService::new(inner, Arc::clone(&self.shared))
    }
}

/// Layers.
impl Handle {
    /// Registers the requests of a server that Ebbtide does not run, and returns the layer that counts them.
    ///
    /// The lame duck lasts while requests arrive, the servers' stage waits for the requests in flight, and the report
    /// contains them under this name. The caller must close the server: pass [`drain_token`](Self::drain_token) to it.
    /// Requests in flight at the deadline are counted as cancelled; the server itself must end them.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide::{BoxError, Handle};
    /// # async fn start(app: Handle) -> Result<(), BoxError> {
    /// use axum::{Router, routing::get};
    ///
    /// let router = Router::new().route("/ping", get(async || "pong")).layer(app.in_flight("api requests"));
    /// let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
    /// let closed = app.drain_token().stopping_owned();
    /// app.task("api", |_| async { Ok(axum::serve(listener, router).with_graceful_shutdown(closed).await?) });
    /// # Ok(()) }
    /// ```
    pub fn in_flight(&self, name: impl Into<String>) -> InFlightLayer {
        let stop = self.handler_stop();
        let layer = InFlightLayer::new().noting(stop, self.arrivals());
        let shared = Arc::clone(layer.shared());
        let work = Arc::clone(&shared) as Arc<dyn Work>;
        self.serve(name, work, |context| async move {
            context.stop.stopping().await;
            if context.stop.unless_cancelled(shared.tracker.idle()).await.is_none() {
                shared.cancel_now();
            }
            Ok(())
        });
        layer
    }
}

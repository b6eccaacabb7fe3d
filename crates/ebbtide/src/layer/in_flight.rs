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
/// A request is in flight from the call until the body of its response has ended or was dropped. It costs a [`Tracker`]'s
/// guard, which is two counter increments on the thread's own cache line, a reference count, and the move of the response into
/// another body: no allocation and no lock.
///
/// It has finished when its body has ended, failed when the service or the body returns an error or panics, and was abandoned
/// by its client when its server drops it before.
///
/// A panic is logged with the request's method and path, and its peer where axum's `ConnectInfo` tells (feature `axum-ws`), and goes
/// on to the server. Ebbtide's own server logs it as well.
///
/// An upgraded connection (WebSocket) is beyond the service's reach: it counts until its `101` response was handed over.
/// Keep a [`guard`](Self::guard) in the upgraded task to count it to its end.
///
/// # Examples
///
/// With somebody else's server, in somebody else's `main`:
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
    /// Makes a layer with a tracker of its own. Its clones, and the services that they make, count together.
    pub fn new() -> Self {
        Self { shared: Arc::default() }
    }

    /// Keeps the name of each request, for [`stragglers`](Work::stragglers). It costs an allocation for each request.
    ///
    /// Set it before the layer is cloned or used: clones made before count together with it, and keep no names.
    #[must_use = "it returns the layer with names"]
    #[track_caller]
    pub fn named(self) -> Self {
        let created = Location::caller();
        self.with(|shared| shared.names = Some((Registry::with_clock(clock::now), created)))
    }

    /// Puts a [`HandlerStop`] into each request, as [`StopLayer`](super::StopLayer) does. It costs an allocation for
    /// each.
    ///
    /// Set it before the layer is cloned or used: clones made before tell nobody.
    #[must_use = "returns the layer that notifies handlers"]
    pub fn tell(self, stop: HandlerStop) -> Self {
        self.with(|shared| (shared.stop, shared.tell) = (Some(stop), true))
    }

    /// Counts what is no request: an upgraded connection, for as long as the guard is held.
    pub fn guard(&self) -> Guard {
        self.shared.tracker.guard()
    }

    /// Returns how many requests are in flight; see [`Tracker::in_flight`] for how exact it is.
    pub fn in_flight(&self) -> u64 {
        self.shared.tracker.in_flight()
    }

    /// Waits for an instant at which nothing is in flight. Close the server first: it takes new requests otherwise.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub fn idle(&self) -> Idle<'_> {
        self.shared.tracker.idle()
    }

    /// Returns the tracker.
    pub fn tracker(&self) -> &Tracker {
        &self.shared.tracker
    }

    /// Returns what a lifecycle's report needs of it, for [`Handle::serve`](crate::Handle::serve).
    pub fn work(&self) -> Arc<dyn Work> {
        Arc::<InFlightState>::clone(&self.shared)
    }

    /// Notes requests that come after the stop began, and tells nobody else.
    fn noting(self, stop: HandlerStop, arrivals: Arrivals) -> Self {
        self.with(|shared| (shared.stop, shared.arrivals) = (Some(stop), Some(arrivals)))
    }

    pub(super) fn shared(&self) -> &Arc<InFlightState> {
        &self.shared
    }

    /// Changes what the clones share; in a copy, with the same tracker, where it is shared already.
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

/// Counts in a tracker that is there already, together with whatever else it counts.
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
    /// Registers the requests of a server that is not ours, and returns the layer that counts them.
    ///
    /// The lame duck looks at the requests that come, the servers' stage waits for those in flight, and the report has
    /// them under this name. The server itself is yours to close: give it [`drain_token`](Self::drain_token).
    /// What is in flight when the time is up is counted as cut; ending it is the server's part.
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

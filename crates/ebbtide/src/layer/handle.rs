use std::sync::Arc;

use super::{HandlerStop, InFlightLayer, StopLayer};
use crate::drain::Work;
use crate::lifecycle::Handle;

/// Layers.
impl Handle {
    /// Returns what tells handlers of this lifecycle's stop, and of the time that the servers have.
    ///
    /// A server with a limit of its own (see [`within`](Self::within)) may have less.
    pub fn handler_stop(&self) -> HandlerStop {
        let plan = self.plan();
        let kept = plan.deadline.saturating_sub(plan.servers_cut());
        HandlerStop::of(self.stop_token(), self.drain_token(), kept)
    }

    /// Returns the layer that puts the [`handler_stop`](Self::handler_stop) into each request.
    pub fn stop_layer(&self) -> StopLayer {
        StopLayer::from(self.handler_stop())
    }

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
                shared.cut_now();
            }
            Ok(())
        });
        layer
    }
}

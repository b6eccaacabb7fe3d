use std::time::Duration;

use super::{HealthPages, Listener, ServeError, Server};
use crate::drain::Stop;
use crate::health::Health;

/// Probes come on connections of their own and are repeated: nothing is gained by waiting for them.
const PATIENCE: Duration = Duration::from_millis(100);

/// Serves the health routes on a listener of their own, until `stop` is stopping; everything else is not found.
///
/// Stop it last, so that the probes are answered until the very end.
///
/// # Errors
///
/// Fails when the listener cannot be used at all.
///
/// # Cancel safety
///
/// Dropped, it closes the listener and its connections.
pub fn serve_health(
    listener: Listener,
    health: Health,
    stop: Stop,
) -> impl Future<Output = Result<(), ServeError>> + Send {
    serve_pages(listener, health, HealthPages::new(), stop)
}

/// Serves the health routes and what is wished beside them.
pub(super) fn serve_pages(
    listener: Listener,
    health: Health,
    pages: HealthPages,
    stop: Stop,
) -> impl Future<Output = Result<(), ServeError>> + Send {
    Server::new(health.wrap(pages)).first_byte_grace(PATIENCE).idle_quiet(PATIENCE).linger(PATIENCE).serve(
        listener,
        stop.clone(),
        stop,
    )
}

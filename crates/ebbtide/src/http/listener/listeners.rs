use std::fmt;

use super::Listener;

/// The listeners of one server: one, or several of any kind.
///
/// # Examples
///
/// ```
/// # use ebbtide::{BoxError, Handle};
/// # use ebbtide::http::Listener;
/// # async fn start(app: Handle) -> Result<(), BoxError> {
/// let router = axum::Router::new().route("/ping", axum::routing::get(async || "pong"));
/// let near = Listener::bind_unix("/run/orders.sock").await?;
/// app.http("api", [app.bind("0.0.0.0:8080").await?, near], router);
/// # Ok(()) }
/// ```
#[derive(Default)]
pub struct Listeners(Vec<Listener>);

impl Listeners {
    /// Logs where a component listens.
    pub(crate) fn say(&self, component: &str) {
        for listener in &self.0 {
            tracing::info!(component, address = %listener.local_addr(), "listening");
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Listener> {
        self.0
    }
}

impl From<Listener> for Listeners {
    fn from(listener: Listener) -> Self {
        Self(vec![listener])
    }
}

impl From<Vec<Listener>> for Listeners {
    fn from(listeners: Vec<Listener>) -> Self {
        Self(listeners)
    }
}

impl<const N: usize> From<[Listener; N]> for Listeners {
    fn from(listeners: [Listener; N]) -> Self {
        Self(listeners.into())
    }
}

impl FromIterator<Listener> for Listeners {
    fn from_iter<I: IntoIterator<Item = Listener>>(listeners: I) -> Self {
        Self(listeners.into_iter().collect())
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

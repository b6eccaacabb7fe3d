use async_nats::{ConnectError, ConnectOptions, Event};
use tokio::sync::watch;

use super::link::Link;

/// Where the server is, and as whom to connect.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) url: String,
    /// The queue, by whose name operators know the connection.
    pub(super) queue: String,
}

impl Server {
    pub(super) async fn connect(&self) -> Result<Link, ConnectError> {
        let urls: Vec<&str> = self.url.split(',').map(str::trim).collect();
        let (is_closed, closed) = watch::channel(false);
        let options = ConnectOptions::new().name(format!("ebbtide {}", self.queue));
        let options = options.event_callback(move |event| {
            if matches!(event, Event::Closed) {
                is_closed.send_replace(true);
            }
            std::future::ready(())
        });
        Ok(Link::ours(options.connect(&*urls).await?, closed))
    }
}

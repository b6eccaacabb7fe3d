use async_nats::{Client, ConnectError, ConnectOptions};

/// Where the server is, and as whom to connect.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) url: String,
    /// The queue, by whose name operators know the connection.
    pub(super) queue: String,
}

impl Server {
    pub(super) async fn connect(&self) -> Result<Client, ConnectError> {
        let urls: Vec<&str> = self.url.split(',').map(str::trim).collect();
        ConnectOptions::new().name(format!("ebbtide {}", self.queue)).connect(&*urls).await
    }
}

use async_nats::Client;
use async_nats::client::{FlushErrorKind, RequestErrorKind};
use ebbtide::BoxError;
use ebbtide::lifecycle::Handle;

/// Registers clients of NATS with a lifecycle. Implemented by [`Handle`].
pub trait NatsExt {
    /// Registers a client of NATS, which is drained when everything that uses it has stopped: what was published is sent, the
    /// subscriptions end, and the connection is closed.
    ///
    /// A publisher that is dropped instead loses what still waits in its buffer. While the server is away, the close waits for it
    /// until its time is up. A server that says nothing of what it was sent last, such as to a client that may not publish to its own
    /// inbox, makes the component fail; its subscriptions end all the same. A client that was drained before its turn, through a
    /// clone, has nothing left to close: that is a warning.
    fn nats(&self, name: impl Into<String>, client: Client) -> Client;
}

impl NatsExt for Handle {
    fn nats(&self, name: impl Into<String>, client: Client) -> Client {
        let name = name.into();
        let component = name.clone();
        self.resource(name, client, |client| async move {
            // Nobody takes its commands any more.
            if let Err(error) = client.flush().await
                && error.kind() == FlushErrorKind::SendError
            {
                ebbtide::adapter::log_warn!(component, %error, "resource already closed");
                return Ok(());
            }
            let read = all_is_read(&client).await;
            client.drain().await?;
            // There is nothing to wait on for the end of a drain but that nobody takes commands any more.
            while client.flush().await.is_ok() {
                tokio::task::yield_now().await;
            }
            read
        })
    }
}

/// Sends what is in the buffer, and returns when the server has read it.
async fn all_is_read(client: &Client) -> Result<(), BoxError> {
    // Draining sends what is in the buffer once, and goes, whether the socket took all of it or not.
    client.flush().await?;
    // A close with something unread destroys what the server has not read yet. It has read all when it answers what
    // comes behind: that nobody listens there.
    match client.request(client.new_inbox(), "".into()).await {
        Err(error) if error.kind() != RequestErrorKind::NoResponders => Err(error.into()),
        _ => Ok(()),
    }
}

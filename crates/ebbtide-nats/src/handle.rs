use async_nats::Client;
use async_nats::client::{FlushErrorKind, RequestErrorKind};
use ebbtide::BoxError;
use ebbtide::lifecycle::Handle;

/// Registers clients of NATS with a lifecycle. Implemented by [`Handle`].
pub trait NatsExt {
    /// Registers a NATS client. The client is drained when everything that uses it has stopped: published messages
    /// are sent, the subscriptions end, and the connection is closed.
    ///
    /// A client that is dropped instead loses the messages in its buffer. While the server is unavailable, the close
    /// waits for it until the component's deadline. If the server does not confirm that it has read the last
    /// messages, for example because the client may not publish to its inbox, the component fails; its subscriptions
    /// end in any case. A client that was drained before, through a clone, has nothing left to close. That is logged
    /// as a warning.
    fn nats(&self, name: impl Into<String>, client: Client) -> Client;
}

impl NatsExt for Handle {
    fn nats(&self, name: impl Into<String>, client: Client) -> Client {
        let name = name.into();
        let component = name.clone();
        self.resource(name, client, |client| async move {
            // The client accepts no commands any more.
            if let Err(error) = client.flush().await
                && error.kind() == FlushErrorKind::SendError
            {
                ebbtide::adapter::log_warn!(component, %error, "resource already closed");
                return Ok(());
            }
            let read = flush_and_confirm_read(&client).await;
            client.drain().await?;
            // A drain has no completion signal except that the client accepts no commands any more.
            while client.flush().await.is_ok() {
                tokio::task::yield_now().await;
            }
            read
        })
    }
}

/// Sends the buffer, and returns when the server has read it.
async fn flush_and_confirm_read(client: &Client) -> Result<(), BoxError> {
    // Draining writes the buffer once and closes, even if the socket did not accept all of it.
    client.flush().await?;
    // A close with unread data makes the server discard what it has not read yet. The server has read everything when
    // it responds to a later request: that there is no responder.
    match client.request(client.new_inbox(), "".into()).await {
        Err(error) if error.kind() != RequestErrorKind::NoResponders => Err(error.into()),
        _ => Ok(()),
    }
}

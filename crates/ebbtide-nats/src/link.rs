use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{AckKind, Context};
use async_nats::{Client, ConnectError, ConnectOptions, Event, HeaderMap, Subject};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::timeout;

use super::error::NatsQueueError;

/// The response timeout.
const ANSWER: Duration = Duration::from_secs(5);

/// The connection, and the response timeout.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) context: Context,
    /// Whether the client has closed it. `None` for a connection that the caller provided: its owner closes it.
    closed: Option<watch::Receiver<bool>>,
}

impl Link {
    /// Wraps a connection that the caller provided.
    pub(super) fn given(client: Client) -> Self {
        let context = ContextBuilder::new().timeout(ANSWER).build(client.clone());
        Self { client, context, closed: None }
    }

    /// Wraps a connection of this queue, with a signal of its end.
    fn ours(client: Client, closed: watch::Receiver<bool>) -> Self {
        Self { closed: Some(closed), ..Self::given(client) }
    }

    /// Closes this queue's connection, and returns when it has closed. The client logs that, and nothing may be
    /// logged after the last resource has closed, because a flusher would miss it.
    pub(super) async fn close(&self) -> Result<(), NatsQueueError> {
        let Some(mut closed) = self.closed.clone() else { return Ok(()) };
        self.client.drain().await.map_err(NatsQueueError::when("close the connection"))?;
        // If the sender is dropped or the time passes, there is nothing left to wait for.
        let _ = timeout(ANSWER, closed.wait_for(|closed| *closed)).await;
        Ok(())
    }

    /// Returns an error while the connection is down. A message that is sent then is sent later, when it may be
    /// wrong.
    pub(super) fn connected(&self) -> Result<(), NatsQueueError> {
        match self.client.connection_state() {
            State::Connected => Ok(()),
            State::Pending | State::Disconnected => Err(NatsQueueError::Disconnected),
        }
    }

    /// Sends an acknowledgement of a delivery, and waits until the server confirms it.
    pub(super) async fn tell(&self, reply: &Subject, kind: AckKind) -> Result<(), NatsQueueError> {
        self.connected()?;
        let failed = "settle or extend a delivery";
        match timeout(ANSWER, self.client.request(reply.clone(), kind.into())).await {
            Ok(Ok(_confirmed)) => Ok(()),
            Ok(Err(error)) => Err(NatsQueueError::when(failed)(error)),
            Err(elapsed) => Err(NatsQueueError::when(failed)(elapsed)),
        }
    }

    /// Publishes a message, and returns its sequence number when the stream has stored it.
    pub(super) async fn publish(
        &self,
        subject: &str,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Result<u64, NatsQueueError> {
        self.connected()?;
        let mut message = PublishMessage::build().payload(payload);
        if let Some(headers) = headers {
            message = message.headers(headers);
        }
        let failed = "store a job";
        let stored = self.context.send_publish(subject.to_owned(), message).await;
        let stored = stored.map_err(NatsQueueError::when(failed))?.await;
        Ok(stored.map_err(NatsQueueError::when(failed))?.sequence)
    }
}

/// The server's address and credentials.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) url: String,
    /// The queue, whose name operators see as the connection name.
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

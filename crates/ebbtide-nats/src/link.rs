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

/// How long to wait for an answer.
const ANSWER: Duration = Duration::from_secs(5);

/// The connection, and how long to wait for whoever is asked over it.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) context: Context,
    /// Whether the client has closed it. `None` for a connection that was given to us: its owner closes it.
    closed: Option<watch::Receiver<bool>>,
}

impl Link {
    /// Takes a connection that was given to us.
    pub(super) fn given(client: Client) -> Self {
        let context = ContextBuilder::new().timeout(ANSWER).build(client.clone());
        Self { client, context, closed: None }
    }

    /// Takes a connection that we made, and are told of the end of.
    fn ours(client: Client, closed: watch::Receiver<bool>) -> Self {
        Self { closed: Some(closed), ..Self::given(client) }
    }

    /// Closes a connection of our own, and returns when it has closed: its client logs that, and after the close of the last
    /// resource nothing may be logged that a flusher has not seen.
    pub(super) async fn close(&self) -> Result<(), NatsQueueError> {
        let Some(mut closed) = self.closed.clone() else { return Ok(()) };
        self.client.drain().await.map_err(NatsQueueError::when("close the connection"))?;
        // An end without a word, or none in time, leaves nothing to wait for.
        let _ = timeout(ANSWER, closed.wait_for(|closed| *closed)).await;
        Ok(())
    }

    /// Says whether the connection is there at the moment. What is sent without one is sent later, when it may have become wrong.
    pub(super) fn connected(&self) -> Result<(), NatsQueueError> {
        match self.client.connection_state() {
            State::Connected => Ok(()),
            State::Pending | State::Disconnected => Err(NatsQueueError::Away),
        }
    }

    /// Says a word about a delivery, and waits until the server has heard it.
    pub(super) async fn tell(&self, reply: &Subject, kind: AckKind) -> Result<(), NatsQueueError> {
        self.connected()?;
        let failed = "tell the server what became of a delivery";
        match timeout(ANSWER, self.client.request(reply.clone(), kind.into())).await {
            Ok(Ok(_confirmed)) => Ok(()),
            Ok(Err(error)) => Err(NatsQueueError::when(failed)(error)),
            Err(elapsed) => Err(NatsQueueError::when(failed)(elapsed)),
        }
    }

    /// Publishes a message, and returns its number in the stream when that has it.
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

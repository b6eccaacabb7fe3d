use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};

use super::RabbitQueueError;
use super::answer::answer;

/// The protocol has no room for more, and lapin would panic.
const LONGEST_HOST: usize = 255;

/// Knows how to reach the server.
#[derive(Clone)]
pub(super) struct Link {
    uri: AMQPUri,
    /// As the server's tools show the connection.
    name: String,
}

impl Link {
    pub(super) fn new(url: &str, name: String) -> Result<Self, RabbitQueueError> {
        let uri: AMQPUri = url.parse().map_err(|why| RabbitQueueError::Url { why })?;
        if uri.vhost.len() > LONGEST_HOST {
            let why = format!("its virtual host is longer than {LONGEST_HOST} bytes");
            return Err(RabbitQueueError::Url { why });
        }
        Ok(Self { uri, name })
    }

    /// Connects. Nothing is recovered behind our back: a delivery belongs to the connection it came by, and dies with it.
    pub(super) async fn connect(&self, what: &str) -> Result<Connection, RabbitQueueError> {
        let properties =
            ConnectionProperties::default().with_connection_name(format!("{} ({what})", self.name).into());
        let connecting = Connection::connect_uri(self.uri.clone(), properties);
        let action = || format!("connect to RabbitMQ at {}", self.address());
        answer(action, connecting).await.map_err(|error| match error {
            RabbitQueueError::Refused { source, .. } => {
                RabbitQueueError::Connect { address: self.address(), source }
            }
            other => other,
        })
    }

    /// Where it is, without the password.
    fn address(&self) -> String {
        let authority = &self.uri.authority;
        format!("{}:{}, virtual host {:?}", authority.host, authority.port, self.uri.vhost)
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("address", &self.address()).field("name", &self.name).finish()
    }
}

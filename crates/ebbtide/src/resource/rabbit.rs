use std::sync::Arc;

use lapin::{Channel, Connection};

use crate::lifecycle::Life;

/// What AMQP 0-9-1 calls a close without a complaint (`reply-success`).
const SUCCESS: u16 = 200;

/// RabbitMQ.
impl Life {
    /// Registers a connection to RabbitMQ, which is closed when everything that uses it has stopped: RabbitMQ logs no connection
    /// that was closed abruptly. Register its channels behind it, and they are closed before it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use ebbtide::{BoxError, Life};
    /// use lapin::{Connection, ConnectionProperties};
    ///
    /// # async fn start(life: Life, url: &str) -> Result<(), BoxError> {
    /// let connection = life.lapin("rabbitmq", Connection::connect(url, ConnectionProperties::default()).await?);
    /// let channel = life.lapin_channel("publisher", connection.create_channel().await?);
    /// # drop(channel);
    /// # Ok(()) }
    /// ```
    pub fn lapin(&self, name: impl Into<String>, connection: Connection) -> Arc<Connection> {
        self.resource(name, Arc::new(connection), |connection| async move {
            Ok(connection.close(SUCCESS, "the service stops".into()).await?)
        })
    }

    /// Registers a channel: when everything that uses it has stopped, what was published on it is confirmed, where the channel
    /// [asks for confirms](Channel::confirm_select), and then it is closed.
    pub fn lapin_channel(&self, name: impl Into<String>, channel: Channel) -> Channel {
        let name = name.into();
        let component = name.clone();
        self.resource(name, channel, |channel| async move {
            let returned = channel.wait_for_confirms().await?.len();
            if returned > 0 {
                crate::runtime::log_warn!(component, returned, "messages came back: no queue took them");
            }
            Ok(channel.close(SUCCESS, "the service stops".into()).await?)
        })
    }
}

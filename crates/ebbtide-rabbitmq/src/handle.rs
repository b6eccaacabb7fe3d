use std::io;
use std::sync::Arc;

use ebbtide::BoxError;
use ebbtide::lifecycle::Handle;
use lapin::{Channel, Connection, ErrorKind};

/// The reply code of a normal close in AMQP 0-9-1 (`reply-success`).
const SUCCESS: u16 = 200;

/// Registers connections and channels of RabbitMQ with a lifecycle. Implemented by [`Handle`].
pub trait RabbitExt {
    /// Registers a connection to RabbitMQ. It is closed when everything that uses it has stopped, so RabbitMQ does
    /// not log an abrupt close. Register its channels after it: they are closed before it.
    ///
    /// A connection that is closed or closing by then, such as after a channel whose close was cancelled at its
    /// deadline, has nothing left to close. That is logged as a warning, and so is a connection that the server ends
    /// without confirming the close. A connection that breaks while it is closed makes the component fail.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use ebbtide::{BoxError, Handle};
    /// use ebbtide_rabbitmq::RabbitExt as _;
    /// use lapin::{Connection, ConnectionProperties};
    ///
    /// # async fn start(app: Handle, url: &str) -> Result<(), BoxError> {
    /// let connection = app.lapin("rabbitmq", Connection::connect(url, ConnectionProperties::default()).await?);
    /// let channel = app.lapin_channel("publisher", connection.create_channel().await?);
    /// # drop(channel);
    /// # Ok(()) }
    /// ```
    fn lapin(&self, name: impl Into<String>, connection: Connection) -> Arc<Connection>;

    /// Registers a channel. When everything that uses it has stopped, it waits for the outstanding confirms, if the
    /// channel [uses confirms](Channel::confirm_select), and then closes the channel.
    fn lapin_channel(&self, name: impl Into<String>, channel: Channel) -> Channel;
}

impl RabbitExt for Handle {
    fn lapin(&self, name: impl Into<String>, connection: Connection) -> Arc<Connection> {
        let name = name.into();
        let component = name.clone();
        self.resource(name, Arc::new(connection), |connection| async move {
            connection_closed(&component, connection.close(SUCCESS, "the service is stopping".into()).await)
        })
    }

    fn lapin_channel(&self, name: impl Into<String>, channel: Channel) -> Channel {
        let name = name.into();
        let component = name.clone();
        self.resource(name, channel, |channel| async move {
            let returned = channel.wait_for_confirms().await?.len();
            if returned > 0 {
                ebbtide::adapter::log_warn!(component, returned, "messages returned as unroutable");
            }
            closed(&component, channel.close(SUCCESS, "the service is stopping".into()).await)
        })
    }
}

/// Maps the result of a close. lapin rejects a close, and fails one in progress, because of its own state. That state
/// follows from an earlier close, by this process or the server, which was reported where it happened.
fn closed(component: &str, closed: lapin::Result<()>) -> Result<(), BoxError> {
    match closed {
        Err(error) if is_about_state(&error) => {
            ebbtide::adapter::log_warn!(component, %error, "resource already closed");
            Ok(())
        }
        ended => Ok(ended?),
    }
}

/// Maps the result of a connection's close. The server responds and ends the connection. If the close of a channel
/// was cancelled before, lapin may see the end before the response.
fn connection_closed(component: &str, result: lapin::Result<()>) -> Result<(), BoxError> {
    match result {
        Err(error) if is_ended_by_the_server(&error) => {
            ebbtide::adapter::log_warn!(component, %error, "connection ended before the close was confirmed");
            Ok(())
        }
        ended => closed(component, ended),
    }
}

fn is_about_state(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidChannelState(..) | ErrorKind::InvalidConnectionState(_))
}

/// lapin's error for the end of the stream, and the error of a later write. A connection that breaks is reset, or
/// times out.
fn is_ended_by_the_server(error: &lapin::Error) -> bool {
    let ended = [io::ErrorKind::ConnectionAborted, io::ErrorKind::BrokenPipe];
    matches!(error.kind(), ErrorKind::IOError(error) if ended.contains(&error.kind()))
}

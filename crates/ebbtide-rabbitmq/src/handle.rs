use std::io;
use std::sync::Arc;

use ebbtide::BoxError;
use ebbtide::lifecycle::Handle;
use lapin::{Channel, Connection, ErrorKind};

/// What AMQP 0-9-1 calls a close without a complaint (`reply-success`).
const SUCCESS: u16 = 200;

/// Registers connections and channels of RabbitMQ with a lifecycle. Implemented by [`Handle`].
pub trait RabbitExt {
    /// Registers a connection to RabbitMQ, which is closed when everything that uses it has stopped: RabbitMQ logs no connection
    /// that was closed abruptly. Register its channels behind it, and they are closed before it.
    ///
    /// A connection that is gone or closing when its turn comes, such as after the close of a channel that was cancelled at its
    /// deadline, has nothing left to close: that is a warning, and so is one that the server ends without confirming the close. One
    /// that breaks while it is closed makes the component fail.
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

    /// Registers a channel: when everything that uses it has stopped, what was published on it is confirmed, where the channel
    /// [asks for confirms](Channel::confirm_select), and then it is closed.
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

/// Judges the end of a close. lapin refuses one, and fails one that is under way, for the state that it is in itself: that
/// follows from an earlier end, ours or the server's, which was reported where it happened.
fn closed(component: &str, closed: lapin::Result<()>) -> Result<(), BoxError> {
    match closed {
        Err(error) if is_about_state(&error) => {
            ebbtide::adapter::log_warn!(component, %error, "resource already closed");
            Ok(())
        }
        ended => Ok(ended?),
    }
}

/// Judges the end of a connection's close, which the server answers by ending the connection. Where the close of a channel was
/// cancelled before, lapin may see that end before the answer.
fn connection_closed(component: &str, result: lapin::Result<()>) -> Result<(), BoxError> {
    match result {
        Err(error) if is_ended_by_the_server(&error) => {
            ebbtide::adapter::log_warn!(component, %error, "connection ended by the server before it confirmed the close");
            Ok(())
        }
        ended => closed(component, ended),
    }
}

fn is_about_state(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidChannelState(..) | ErrorKind::InvalidConnectionState(_))
}

/// lapin's word for the end of the stream, and what a write gets behind it. A connection that breaks is reset, or times out.
fn is_ended_by_the_server(error: &lapin::Error) -> bool {
    let ended = [io::ErrorKind::ConnectionAborted, io::ErrorKind::BrokenPipe];
    matches!(error.kind(), ErrorKind::IOError(error) if ended.contains(&error.kind()))
}

use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::process::Process;
use super::{nats, postgres, rabbitmq, redis, sqs};
use crate::failure::Failure;

/// What has to be known of a kind of server.
#[derive(Debug)]
pub(super) struct ServerKind {
    /// What people call it.
    pub(super) name: &'static str,
    /// The variable that names a server for the tests, for us and for them.
    pub(super) variable: &'static str,
    /// Where one listens unless it was told otherwise.
    pub(super) local_port: u16,
    /// The address as the tests take it, of a server on this port of the loopback.
    pub(super) url: fn(port: u16) -> String,
    /// Whether a server of this kind on this port of the loopback serves us.
    ///
    /// An open port proves nothing: the server may still be starting, want a password, or be something else.
    pub(super) answers: fn(port: u16) -> bool,
    /// Installs it where it is missing, and starts one that keeps all it has in this folder.
    pub(super) launch: fn(folder: &Path, port: u16) -> Result<Vec<Process>, Failure>,
}

impl ServerKind {
    pub(super) const ALL: [Self; 5] = [postgres::KIND, redis::KIND, rabbitmq::KIND, nats::KIND, sqs::KIND];
}

const GREETING_PATIENCE: Duration = Duration::from_secs(2);

/// Connects to a port of the loopback; a server that says nothing is an error, and not waited for.
///
/// # Errors
///
/// When nobody listens there.
pub(super) fn greet(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), GREETING_PATIENCE)?;
    stream.set_read_timeout(Some(GREETING_PATIENCE))?;
    stream.set_write_timeout(Some(GREETING_PATIENCE))?;
    Ok(stream)
}

use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::process::Process;
use super::{nats, postgres, rabbitmq, redis, sqs};
use crate::failure::Failure;

/// What the tests need to know about a kind of server.
#[derive(Debug)]
pub(super) struct ServerKind {
    /// The display name.
    pub(super) name: &'static str,
    /// The environment variable with a server's URL. xtask reads it, and passes it to the tests.
    pub(super) variable: &'static str,
    /// The default port.
    pub(super) local_port: u16,
    /// Returns the URL of a server on this port of the loopback, in the form the tests expect.
    pub(super) url: fn(port: u16) -> String,
    /// Returns whether a server of this kind on this port of the loopback accepts requests.
    ///
    /// An open port does not suffice: the server may still be starting, require a password, or be something else.
    pub(super) answers: fn(port: u16) -> bool,
    /// Installs the server if it is missing, and starts one that keeps its data in this folder.
    pub(super) launch: fn(folder: &Path, port: u16) -> Result<Vec<Process>, Failure>,
}

impl ServerKind {
    pub(super) const ALL: [Self; 5] = [postgres::KIND, redis::KIND, rabbitmq::KIND, nats::KIND, sqs::KIND];
}

const GREETING_TIMEOUT: Duration = Duration::from_secs(2);

/// Connects to a port of the loopback. Reads time out, so that a silent server is an error.
///
/// # Errors
///
/// When nothing listens there.
pub(super) fn greet(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), GREETING_TIMEOUT)?;
    stream.set_read_timeout(Some(GREETING_TIMEOUT))?;
    stream.set_write_timeout(Some(GREETING_TIMEOUT))?;
    Ok(stream)
}

use std::net::{Ipv4Addr, TcpListener};

use crate::failure::Failure;

/// Returns a port of the loopback that nobody listens on.
///
/// # Errors
///
/// When there is none.
pub(super) fn free_port() -> Result<u16, Failure> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Failure::io("find a free port"))?;
    Ok(socket.local_addr().map_err(Failure::io("find a free port"))?.port())
}

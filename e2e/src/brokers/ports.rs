#![expect(clippy::panic, reason = "a broken harness fails its test")]

use std::net::{Ipv4Addr, TcpListener};

/// Returns a port of the loopback that nobody listens on: below those that the kernel gives to outgoing connections, one of which
/// might take it while the server is away.
///
/// # Panics
///
/// When there is none.
pub fn free_port() -> u16 {
    let from = fastrand::u16(20_000..30_000);
    let free = (from..32_000).find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.unwrap_or_else(|| panic!("no port from {from} on is free"))
}

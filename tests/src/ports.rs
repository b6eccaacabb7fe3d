//! Ports for the services that tests start, also when several test programs run concurrently.

#![expect(clippy::panic, reason = "a broken harness fails its test")]

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Mutex, PoisonError};

/// Below the ephemeral ports of the kernel, since an outgoing connection might take a port while its server restarts; and disjoint
/// from the ports that `ebbtide rehearse` uses for the demo.
const PORTS: Range<u16> = 10_000..20_000;

/// Returns a free port on the loopback interface. No other test receives it until this process exits.
///
/// # Panics
///
/// When no port is free.
pub fn free_port() -> u16 {
    // Not from the seed of the tests: two programs with the same seed would try the same ports.
    let random = RandomState::new().build_hasher().finish() % u64::from(PORTS.end - PORTS.start);
    let start = PORTS.start + random as u16;
    let mut candidates = (start..PORTS.end).chain(PORTS.start..start);
    let free = candidates.find(|port| {
        // Reserve first: the process that has reserved a port may not listen on it yet.
        reserve(*port).is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
    });
    free.unwrap_or_else(|| panic!("no port of {PORTS:?} is free"))
}

/// Binds an abstract socket that represents a port. The kernel gives it to one process at a time, and releases it when the process
/// exits.
fn reserve(port: u16) -> io::Result<()> {
    static RESERVED: Mutex<Vec<UnixDatagram>> = Mutex::new(Vec::new());
    let name = SocketAddr::from_abstract_name(format!("ebbtide-test-port-{port}"))?;
    let reserved = UnixDatagram::bind_addr(&name)?;
    RESERVED.lock().unwrap_or_else(PoisonError::into_inner).push(reserved);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_out_once() {
        let port = free_port();
        assert!(reserve(port).is_err());
        assert!((0..100).all(|_| free_port() != port));
    }
}

//! From a host and a port to an address to connect to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream, lookup_host};

use super::load::Address;
use super::scenario::Target;
use super::trouble::NotRehearsed;

/// Every address of `target`, in the resolver's order.
pub(super) async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, NotRehearsed> {
    let unknown = || NotRehearsed::Resolve(target.host.clone());
    let found = lookup_host((target.host.as_str(), target.port)).await.map_err(|_| unknown())?;
    let mut all: Vec<SocketAddr> = found.collect();
    all.dedup();
    if all.is_empty() { Err(unknown()) } else { Ok(all) }
}

/// `target` as one address: the first that the resolver names.
pub(super) async fn first(target: &Target) -> Result<Address, NotRehearsed> {
    let socket = resolve(target).await?.first().copied();
    let socket = socket.ok_or_else(|| NotRehearsed::Resolve(target.host.clone()))?;
    Ok(Address { socket, authority: target.authority() })
}

/// Whether somebody listens at `socket`.
pub(super) async fn taken(socket: SocketAddr) -> bool {
    match TcpStream::connect(socket).await {
        Ok(stream) => !matches!((stream.local_addr(), stream.peer_addr()), (Ok(us), Ok(them)) if us == them),
        Err(_) => false,
    }
}

/// A port on 127.0.0.1 that is free now, below those that the kernel gives to clients: one of ours might be given it
/// between two runs.
pub(super) async fn free_port() -> Result<u16, NotRehearsed> {
    for _ in 0..200 {
        // Never from the seed: two rehearsals with the same one would meet at the same port.
        let port = fastrand::u16(20_000..32_000);
        if TcpListener::bind((IpAddr::V4(Ipv4Addr::LOCALHOST), port)).await.is_ok() {
            return Ok(port);
        }
    }
    Err(NotRehearsed::NoFreePort)
}

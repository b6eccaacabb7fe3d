//! The TCP sockets that listen in this network namespace.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::fd::OwnedFd;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

/// A TCP socket that listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ListeningSocket {
    /// Its address.
    pub(super) local: SocketAddr,
    /// Its inode, as in the links of `/proc/PID/fd`.
    pub(super) inode: String,
    /// The connections in its accept queue.
    pub(super) waiting: u32,
}

/// Returns the TCP sockets that listen. The kernel's `sock_diag(7)` walks only these. `/proc/net/tcp`, which is read where a sandbox has no
/// `sock_diag`, is a table of all connections, and takes the longer the more have closed lately.
pub(super) fn listening_sockets() -> Vec<ListeningSocket> {
    let families = [AddressFamily::INET, AddressFamily::INET6];
    families
        .into_iter()
        .flat_map(|family| listening_at(family, 0).unwrap_or_else(|_| table(family)))
        .collect()
}

/// The length of `struct nlmsghdr`.
pub(super) const HEADER: usize = 16;
/// The length of `struct inet_diag_req_v2` without the addresses.
const QUERY: usize = 8;
/// The length of `struct inet_diag_sockid`, its addresses.
pub(super) const ID: usize = 48;
pub(super) const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const IPPROTO_TCP: u8 = 6;
pub(super) const TCP_LISTEN: u32 = 10;

/// Opens a socket for questions about sockets.
pub(super) fn diagnostics() -> io::Result<OwnedFd> {
    Ok(socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(SOCK_DIAG))?)
}

/// Asks the kernel for the sockets that listen on `port`; 0: on any.
///
/// # Errors
///
/// A sandbox has no `sock_diag`.
pub(super) fn listening_at(family: AddressFamily, port: u16) -> io::Result<Vec<ListeningSocket>> {
    let socket = diagnostics()?;
    let mut id = [0; ID];
    if let Some(place) = id.first_chunk_mut() {
        *place = port.to_be_bytes();
    }
    let query = query(family, NLM_F_REQUEST_DUMP, 1 << TCP_LISTEN, id);
    sendto(&socket, &query, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut found = Vec::new();
    let mut answer = vec![0_u8; 32 * 1024];
    loop {
        // The kernel fills a dump while it is being read, so that a read never has to wait.
        let (length, _) = recv(&socket, &mut answer[..], RecvFlags::DONTWAIT)?;
        if collect(answer.get(..length).unwrap_or_default(), &mut found)? {
            return Ok(found);
        }
    }
}

/// Returns the question about sockets of TCP in `states`, a bit for each: all of them, those with the port in `id`, or the one with this `id`.
pub(super) fn query(family: AddressFamily, flags: u16, states: u32, id: [u8; ID]) -> Vec<u8> {
    let mut query = Vec::with_capacity(HEADER + QUERY + ID);
    query.extend(u32::try_from(HEADER + QUERY + ID).unwrap_or_default().to_ne_bytes());
    query.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    query.extend(flags.to_ne_bytes());
    query.extend([0; 8]);
    query.extend([u8::try_from(family.as_raw()).unwrap_or_default(), IPPROTO_TCP, 0, 0]);
    query.extend(states.to_ne_bytes());
    query.extend(id);
    query
}

/// Reads the sockets of one datagram; returns whether it was the last.
fn collect(mut rest: &[u8], found: &mut Vec<ListeningSocket>) -> io::Result<bool> {
    while let Some(length) = word(rest, 0) {
        let length = length as usize;
        let message = rest.get(HEADER..length).ok_or(io::ErrorKind::InvalidData)?;
        match rest.get(4..6).and_then(|kind| kind.try_into().ok()).map(u16::from_ne_bytes) {
            Some(NLMSG_DONE) => return Ok(true),
            Some(SOCK_DIAG_BY_FAMILY) => found.extend(listening_socket(message)),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// Reads a `struct inet_diag_msg`.
fn listening_socket(message: &[u8]) -> Option<ListeningSocket> {
    let port = message.get(4..6)?.try_into().ok().map(u16::from_be_bytes)?;
    let address = message.get(8..24)?;
    let ip = if u16::from(*message.first()?) == AddressFamily::INET6.as_raw() {
        IpAddr::from(<[u8; 16]>::try_from(address).ok()?)
    } else {
        IpAddr::from(*address.first_chunk::<4>()?)
    };
    // Of a socket that listens, the bytes to be read are connections to be accepted.
    let waiting = word(message, 56)?;
    Some(ListeningSocket { local: SocketAddr::new(ip, port), inode: inode_of(message)?, waiting })
}

/// Returns the inode in a `struct inet_diag_msg`.
pub(super) fn inode_of(message: &[u8]) -> Option<String> {
    Some(word(message, 68)?.to_string())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

/// Reads the same from `/proc/net/tcp` or `/proc/net/tcp6`.
fn table(family: AddressFamily) -> Vec<ListeningSocket> {
    let is_six = family == AddressFamily::INET6;
    let file = if is_six { "/proc/net/tcp6" } else { "/proc/net/tcp" };
    let table = fs::read_to_string(file).unwrap_or_default();
    table.lines().skip(1).filter_map(|line| line_of_table(line, is_six)).collect()
}

/// The state of a listening socket in that table.
const LISTEN: &str = "0A";

fn line_of_table(line: &str, is_six: bool) -> Option<ListeningSocket> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    if fields.nth(1)? != LISTEN {
        return None;
    }
    let (_, waiting) = fields.next()?.split_once(':')?;
    let ip = if is_six { IpAddr::V6(six(address)?) } else { IpAddr::V4(four(address)?) };
    let local = SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?);
    let waiting = u32::from_str_radix(waiting, 16).ok()?;
    Some(ListeningSocket { local, inode: fields.nth(4)?.to_owned(), waiting })
}

/// The kernel prints each word of an address in the byte order of the machine.
fn four(text: &str) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from(u32::from_str_radix(text, 16).ok()?.to_ne_bytes()))
}

fn six(text: &str) -> Option<Ipv6Addr> {
    let mut bytes = [0; 16];
    for (at, four) in bytes.chunks_exact_mut(4).enumerate() {
        let word = text.get(at * 8..at * 8 + 8)?;
        four.copy_from_slice(&u32::from_str_radix(word, 16).ok()?.to_ne_bytes());
    }
    Some(Ipv6Addr::from(bytes))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn both_sources_name_the_same_listeners_and_no_connection() {
        for (family, bind) in [(AddressFamily::INET, "127.0.0.1:0"), (AddressFamily::INET6, "[::1]:0")] {
            let listener = TcpListener::bind(bind).unwrap();
            let local = listener.local_addr().unwrap();
            let client = TcpStream::connect(local).unwrap();
            let (accepted, _) = listener.accept().unwrap();
            // A source may name a socket twice when others open and close at the same time.
            let at = |found: Vec<ListeningSocket>| {
                let mut at: Vec<_> = found.into_iter().filter(|socket| socket.local == local).collect();
                at.dedup();
                at
            };
            let of_kernel = at(listening_at(family, 0).unwrap());
            assert_eq!(of_kernel.len(), 1, "{of_kernel:?}");
            let waiting = TcpStream::connect(local).unwrap();
            let of_kernel_alone = at(listening_at(family, local.port()).unwrap());
            assert!(of_kernel_alone.len() == 1 && of_kernel_alone[0].waiting == 1, "{of_kernel_alone:?}");
            assert_eq!(at(table(family)), of_kernel_alone);
            drop(waiting);
            let clients = client.local_addr().unwrap();
            assert!(!listening_at(family, 0).unwrap().iter().any(|socket| socket.local == clients));
            drop((listener, client, accepted));
            assert_eq!(at(listening_at(family, 0).unwrap()), []);
        }
    }

    #[test]
    fn many_listeners_are_read_from_several_datagrams() {
        let listeners: Vec<_> = (0..400).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let found = listening_at(AddressFamily::INET, 0).unwrap();
        for listener in &listeners {
            let local = listener.local_addr().unwrap();
            assert!(found.iter().any(|socket| socket.local == local), "{local} of {}", found.len());
        }
    }

    #[test]
    fn a_malformed_answer_is_an_error() {
        for malformed in [&[255; 64][..], &[0; 64], &[16, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            assert!(collect(malformed, &mut Vec::new()).is_err(), "{malformed:?}");
        }
        assert!(!collect(&[1; 3], &mut Vec::new()).unwrap());
    }

    #[test]
    fn a_line_of_the_table_is_a_listener_only_in_its_state() {
        let line = "0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000 0 0 7 1 0";
        let at = |address: &str| {
            Some(ListeningSocket { local: address.parse().unwrap(), inode: "7".to_owned(), waiting: 3 })
        };
        assert_eq!(line_of_table(line, false), at("127.0.0.1:8080"));
        assert_eq!(line_of_table(&line.replace(" 0A ", " 01 "), false), None);
        let long = line.replace("0100007F", "00000000000000000000000001000000");
        assert_eq!(line_of_table(&long, true), at("[::1]:8080"));
    }
}

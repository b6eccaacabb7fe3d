//! Queries the kernel for incomplete handshakes (`sock_diag(7)`). It needs no privileges, and covers this network namespace.

use std::io;
use std::net::SocketAddr;

use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// Identifies one incomplete handshake: ports, addresses, interface and the kernel's cookie for it.
pub(crate) type Handshake = [u8; ID_LENGTH];

const HEADER_LENGTH: usize = 16;
const REQUEST_LENGTH: usize = HEADER_LENGTH + 8 + ID_LENGTH;
const ID_OFFSET: usize = HEADER_LENGTH + 4;
const ID_LENGTH: usize = 48;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const IPPROTO_TCP: u8 = 6;
/// `TCP_SYN_RECV` and `TCP_NEW_SYN_RECV`: the kernel keeps an incomplete handshake in the second, and reports the first.
const STATES: u32 = 1 << 3 | 1 << 12;

/// Returns the incomplete handshakes with a listener. IPv4 peers of an IPv6 listener are included.
///
/// The kernel scans its whole connection table: this takes a few milliseconds if the table is large.
///
/// # Errors
///
/// Fails if a sandbox has no `sock_diag`, and if no descriptor is free.
pub(crate) fn half_done(listener: SocketAddr) -> io::Result<Vec<Handshake>> {
    let family = if listener.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(SOCK_DIAG),
    )?;
    let mut found = Vec::new();
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &request(family, listener.port()), SendFlags::empty(), &kernel)?;
    let mut answer = vec![0_u8; 32 * 1024];
    loop {
        // The kernel fills a dump while it is being read, so that a read never has to wait.
        let (length, _) = rustix::net::recv(&socket, &mut answer[..], RecvFlags::DONTWAIT)?;
        if collect(&answer[..length], &mut found)? {
            return Ok(found);
        }
    }
}

fn request(family: AddressFamily, port: u16) -> [u8; REQUEST_LENGTH] {
    let mut request = [0; REQUEST_LENGTH];
    request[0..4].copy_from_slice(&(REQUEST_LENGTH as u32).to_ne_bytes());
    request[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request[6..8].copy_from_slice(&NLM_F_REQUEST_DUMP.to_ne_bytes());
    request[16] = family.as_raw() as u8;
    request[17] = IPPROTO_TCP;
    request[20..24].copy_from_slice(&STATES.to_ne_bytes());
    request[24..26].copy_from_slice(&port.to_be_bytes());
    request
}

/// Reads the handshakes of one datagram; returns whether it was the last.
fn collect(mut rest: &[u8], found: &mut Vec<Handshake>) -> io::Result<bool> {
    while rest.len() >= HEADER_LENGTH {
        let length = u32::from_ne_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        let kind = u16::from_ne_bytes([rest[4], rest[5]]);
        if length < HEADER_LENGTH || length > rest.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        match kind {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => return Err(refusal(&rest[HEADER_LENGTH..length])),
            SOCK_DIAG_BY_FAMILY => {
                let id = rest[..length].get(ID_OFFSET..ID_OFFSET + ID_LENGTH);
                found.extend(id.and_then(|id| Handshake::try_from(id).ok()));
            }
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

fn refusal(body: &[u8]) -> io::Error {
    match body.first_chunk::<4>() {
        Some(code) => io::Error::from_raw_os_error(i32::from_ne_bytes(*code).wrapping_neg()),
        None => io::ErrorKind::InvalidData.into(),
    }
}

/// Any datagram is read without a panic, and one in the kernel's format is read correctly.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_any_response(data: &[u8]) {
    let mut found = Vec::new();
    let _ = collect(data, &mut found);
    assert!(found.len() <= data.len() / HEADER_LENGTH);

    // The first byte determines how the datagram ends; the first byte of each handshake determines the padding after it.
    let (ends, ids) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
    let ids: Vec<Handshake> =
        ids.chunks_exact(size_of::<Handshake>()).filter_map(|id| id.try_into().ok()).collect();
    let mut datagram = Vec::new();
    for id in &ids {
        let padding = usize::from(id[0] % 9);
        append(
            &mut datagram,
            20,
            &[&[0; ID_OFFSET - HEADER_LENGTH], id.as_slice(), &vec![0; padding]].concat(),
        );
    }
    match ends % 3 {
        0 => {}
        1 => append(&mut datagram, 3, &[0; 4]),
        _ => append(&mut datagram, 2, &(-1_i32).to_ne_bytes()),
    }
    found.clear();
    let last = collect(&datagram, &mut found).ok();
    assert_eq!((last, found), ([Some(false), Some(true), None][usize::from(ends % 3)], ids));
}

#[cfg(any(test, fuzzing))]
fn append(datagram: &mut Vec<u8>, kind: u16, body: &[u8]) {
    let length = (HEADER_LENGTH + body.len()) as u32;
    datagram.extend_from_slice(&length.to_ne_bytes());
    datagram.extend_from_slice(&kind.to_ne_bytes());
    datagram.resize(datagram.len() + HEADER_LENGTH - 6, 0);
    datagram.extend_from_slice(body);
    datagram.resize(datagram.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::on_seeds_and_at_random;

    #[test]
    fn a_listener_without_half_open_handshakes_reports_none() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(half_done(listener.local_addr().unwrap()).unwrap().is_empty());
    }

    #[test]
    fn a_malformed_sock_diag_answer_is_an_error_and_not_a_panic() {
        let mut found = Vec::new();
        assert!(collect(&[255; 64], &mut found).is_err());
        assert!(collect(&[0; 64], &mut found).is_err());
        assert!(!collect(&[1; 7], &mut found).unwrap());
        assert!(found.is_empty());
    }

    #[test]
    fn any_sock_diag_answer_is_parsed_without_a_panic() {
        on_seeds_and_at_random("sock_diag", check_any_response);
    }
}

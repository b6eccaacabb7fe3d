//! The processes of the service that have connections open.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::SocketAddr;

use rustix::fd::OwnedFd;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, recv, sendto};

use super::descendants::Family;
use super::listening::{HEADER, ID, SOCK_DIAG_BY_FAMILY, TCP_LISTEN, diagnostics, inode_of, query};
use super::proc::sockets;
use crate::record::{ConnectionOwner, OwnerSeen};

/// Returns which process of `family` has each of `connections` open, given by its local and its remote address.
///
/// The kernel looks each connection up by its addresses, and the files of each process are listed once for all: no table of all connections
/// is read. Where a sandbox has no `sock_diag(7)`, no owner is known.
pub(crate) fn owners(family: Family, connections: &[(SocketAddr, SocketAddr)]) -> Vec<OwnerSeen> {
    let unknown = || vec![OwnerSeen::Unknown; connections.len()];
    let Ok(kernel) = diagnostics() else { return unknown() };
    let inodes: Vec<Option<String>> =
        connections.iter().map(|(local, remote)| inode(&kernel, *local, *remote).ok().flatten()).collect();
    if inodes.iter().all(Option::is_none) {
        return unknown();
    }
    let mut holders: HashMap<String, Vec<i32>> = HashMap::new();
    for pid in family.members() {
        for inode in sockets(pid) {
            let of_socket = holders.entry(inode).or_default();
            // A socket may have several descriptors.
            if !of_socket.contains(&pid) {
                of_socket.push(pid);
            }
        }
    }
    let main = family.main().as_raw_nonzero().get();
    let seen =
        |inode: &Option<String>| match inode.as_ref().and_then(|inode| holders.get(inode)).map(Vec::as_slice)
        {
            None | Some([]) => OwnerSeen::Unknown,
            Some([pid]) => match command(*pid) {
                Some(command) => OwnerSeen::One(ConnectionOwner { pid: *pid, command, main: *pid == main }),
                None => OwnerSeen::Unknown,
            },
            Some(_) => OwnerSeen::Several,
        };
    inodes.iter().map(seen).collect()
}

/// Asks the kernel for the inode of one connection. `None`: it is closed.
fn inode(kernel: &OwnedFd, local: SocketAddr, remote: SocketAddr) -> io::Result<Option<String>> {
    // The relays listen on 127.0.0.1. The socket of their client may be one of IPv6 all the same, and is found by these addresses.
    let (SocketAddr::V4(local), SocketAddr::V4(remote)) = (local, remote) else { return Ok(None) };
    let mut id = [0; ID];
    let parts: [(usize, &[u8]); 5] = [
        (0, &local.port().to_be_bytes()),
        (2, &remote.port().to_be_bytes()),
        (4, &local.ip().octets()),
        (20, &remote.ip().octets()),
        (40, &NO_COOKIE),
    ];
    for (at, part) in parts {
        if let Some(place) = id.get_mut(at..at.saturating_add(part.len())) {
            place.copy_from_slice(part);
        }
    }
    let query = query(AddressFamily::INET, NLM_F_REQUEST, ANY_STATE, id);
    sendto(kernel, &query, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0_u8; 1024];
    // The kernel answers before the query returns.
    let (length, _) = recv(kernel, &mut answer[..], RecvFlags::DONTWAIT)?;
    let answer = answer.get(..length).unwrap_or_default();
    let is_socket = answer.get(4..6) == Some(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    let message = answer.get(HEADER..).filter(|_| is_socket);
    // Without such a connection, the kernel returns a socket that listens at its address.
    let message =
        message.filter(|message| message.get(STATE).is_some_and(|state| u32::from(*state) != TCP_LISTEN));
    Ok(message.and_then(inode_of))
}

const NLM_F_REQUEST: u16 = 1;
const ANY_STATE: u32 = u32::MAX;
/// `INET_DIAG_NOCOOKIE`: the addresses alone name the socket.
const NO_COOKIE: [u8; 8] = [255; 8];
/// Where the state is in `struct inet_diag_msg`.
const STATE: usize = 1;

/// The longest name of a process.
const LONGEST: usize = 48;

/// Returns how a process is named for users: its program, and its script or its title. No further word, which may be a secret.
fn command(pid: i32) -> Option<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let line = String::from_utf8_lossy(&line);
    let words: Vec<&str> = line.split('\0').filter(|word| !word.is_empty()).collect();
    named(&words)
        .or_else(|| Some(fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned()))
}

fn named(words: &[&str]) -> Option<String> {
    let base = |word: &str| word.rsplit('/').next().unwrap_or(word).to_owned();
    let name = match words {
        [] => return None,
        [program, option @ ("-m" | "-jar"), what, ..] => format!("{} {option} {}", base(program), base(what)),
        [program, what, ..] if !what.starts_with('-') && !what.contains(['=', '@']) => {
            format!("{} {}", base(program), base(what))
        }
        // A title that a process gave itself has blanks, and a path may be within.
        [title, ..] if title.contains(' ') => (*title).to_owned(),
        [program, ..] => base(program),
    };
    let mut short: String = name.chars().take(LONGEST).collect();
    if short.len() < name.len() {
        short.push('…');
    }
    Some(short.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use rustix::process::getpid;

    use super::*;

    #[test]
    fn the_process_that_has_a_connection_open_is_known_until_it_closes_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, peer) = listener.accept().unwrap();
        let (local, remote) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
        assert_eq!(local, peer);
        let family = Family::Started(getpid());
        let pid = getpid().as_raw_nonzero().get();
        // Other tests of this process may start programs at the same time, which share its files for a moment.
        let owner = |connection| loop {
            match owners(family, &[connection]).remove(0) {
                OwnerSeen::Several => std::thread::yield_now(),
                seen => return seen,
            }
        };
        let OwnerSeen::One(found) = owner((local, remote)) else {
            panic!("{:?}", owners(family, &[(local, remote)]))
        };
        assert!(found.pid == pid && found.main, "{found:?}");
        // Both sides are sockets of this process.
        assert!(matches!(owner((remote, local)), OwnerSeen::One(_)));
        drop(accepted);
        drop(client);
        assert_eq!(owner((local, remote)), OwnerSeen::Unknown);
        // A listener at the address is no connection.
        let never = SocketAddr::new(local.ip(), 1);
        assert_eq!(owner((remote, never)), OwnerSeen::Unknown);
    }

    #[test]
    fn a_process_is_named_by_its_program_and_its_script() {
        for (words, name) in [
            (&["/usr/bin/node", "server.js", "--port", "80"][..], "node server.js"),
            (&["python3", "-m", "uvicorn", "app:app"], "python3 -m uvicorn"),
            (&["java", "-jar", "/app/shop.jar"], "java -jar shop.jar"),
            (&["./shop", "--password", "x"], "shop"),
            (&["./shop", "postgres://a:b@db/shop"], "shop"),
            (&["gunicorn: worker [app]"], "gunicorn: worker [app]"),
        ] {
            assert_eq!(named(words).as_deref(), Some(name), "{words:?}");
        }
        assert_eq!(named(&[]), None);
        assert_eq!(named(&[&"x".repeat(60)]), Some("x".repeat(48) + "…"));
    }
}

//! The accept queues of a service: the connections that the kernel has accepted, and the service not yet.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;

use rustix::net::AddressFamily;

use super::listening::{ListeningSocket, listening_at, listening_sockets};
use super::proc::sockets;

/// The TCP sockets on which a service listens.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct AcceptQueues {
    listeners: Vec<ListeningSocket>,
}

/// What a look at an accept queue shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum QueueSeen {
    /// So many connections wait in it.
    Length(u32),
    /// Its socket does not listen any more.
    Closed,
    /// The kernel did not answer.
    Unknown,
}

impl AcceptQueues {
    /// Finds the listeners of the processes `pids`.
    pub(crate) fn of(pids: &[i32]) -> Self {
        let open: HashSet<String> = pids.iter().flat_map(|pid| sockets(*pid)).collect();
        let mut listeners = listening_sockets();
        listeners.retain(|socket| open.contains(&socket.inode));
        listeners.sort_unstable_by(|one, other| one.inode.cmp(&other.inode));
        listeners.dedup_by(|one, other| one.inode == other.inode);
        Self { listeners }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// Looks at the queue of each listener. The kernel names only the listeners of its port: no table of all connections is read.
    pub(crate) fn look(&self) -> Vec<(SocketAddr, QueueSeen)> {
        let mut of_ports = BTreeMap::new();
        let mut look = |socket: &ListeningSocket| {
            let (is_four, port) = (socket.local.is_ipv4(), socket.local.port());
            let family = if is_four { AddressFamily::INET } else { AddressFamily::INET6 };
            let found = of_ports.entry((is_four, port)).or_insert_with(|| listening_at(family, port).ok());
            let Some(found) = found else { return QueueSeen::Unknown };
            let same = found.iter().find(|found| found.inode == socket.inode);
            same.map_or(QueueSeen::Closed, |found| QueueSeen::Length(found.waiting))
        };
        self.listeners.iter().map(|socket| (socket.local, look(socket))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_queue_of_a_listener_has_what_was_not_accepted_until_it_closes() {
        let pid = i32::try_from(std::process::id()).unwrap();
        for bind in ["127.0.0.1:0", "[::1]:0"] {
            let [listener, other] = [(); 2].map(|()| TcpListener::bind(bind).unwrap());
            let local = listener.local_addr().unwrap();
            let queues = AcceptQueues::of(&[pid]);
            let seen = || queues.look().into_iter().find(|(address, _)| *address == local).unwrap().1;
            assert_eq!(seen(), QueueSeen::Length(0));
            let _clients = [(); 3].map(|()| TcpStream::connect(local).unwrap());
            assert_eq!(seen(), QueueSeen::Length(3));
            let _accepted = listener.accept().unwrap();
            assert_eq!(seen(), QueueSeen::Length(2));
            drop(listener);
            // Other tests of this process may start programs at the same time, which share its files for a moment.
            while seen() != QueueSeen::Closed {
                std::thread::yield_now();
            }
            let other = other.local_addr().unwrap();
            assert!(queues.look().contains(&(other, QueueSeen::Length(0))));
        }
        assert!(AcceptQueues::of(&[]).is_empty());
    }
}

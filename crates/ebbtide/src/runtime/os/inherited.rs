//! Sockets that the service manager opened and passed on: `LISTEN_FDS`, as in `sd_listen_fds(3)`.
#![expect(unsafe_code, reason = "a descriptor that is known by its number only has no safe interface")]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use rustix::net::{AddressFamily, SocketType};

/// The first descriptor that is passed (`SD_LISTEN_FDS_START`).
const FIRST: RawFd = 3;

/// The descriptors that were handed out. Each is handed out once.
static TAKEN: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

/// A socket that was passed, and that the service manager also holds.
#[derive(Debug)]
pub(crate) enum Inherited {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

/// Takes the listening sockets that were passed to this process and not taken before: all of them, or those of one name.
///
/// Returns duplicates, which are closed on `exec`, as are the originals from then on. An original stays open for the life of
/// the process: its number alone does not show whether this process owns it. The environment is not changed, because a process
/// with threads cannot change it safely: `LISTEN_PID` shows every other process that it is not meant.
///
/// # Errors
///
/// Fails, and takes none, if one of them is not a listening TCP or Unix stream socket.
pub(crate) fn take(name: Option<&str>) -> io::Result<Vec<Inherited>> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let passed = passed(
        &variable("LISTEN_PID"),
        &variable("LISTEN_FDS"),
        &variable("LISTEN_FDNAMES"),
        rustix::process::getpid().as_raw_nonzero().get(),
    );
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut fds = Vec::new();
    let mut sockets = Vec::new();
    for Passed { fd, name: called } in passed {
        if taken.contains(&fd) || name.is_some_and(|name| name != called) {
            continue;
        }
        let socket = duplicate(fd).and_then(listening);
        sockets.push(socket.map_err(|error| {
            let message = format!("invalid descriptor {fd} ({called}) from the service manager: {error}");
            io::Error::new(error.kind(), message)
        })?);
        fds.push(fd);
    }
    taken.extend(fds);
    Ok(sockets)
}

fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the borrow ends with this function, and the system calls below fail on a descriptor that is not open. If other
    // code closes and reopens it meanwhile, this is harmless: the duplicate is checked before it is used.
    let original = unsafe { BorrowedFd::borrow_raw(fd) };
    let duplicate = rustix::io::fcntl_dupfd_cloexec(original, FIRST)?;
    rustix::io::fcntl_setfd(original, rustix::io::FdFlags::CLOEXEC)?;
    Ok(duplicate)
}

fn listening(socket: OwnedFd) -> io::Result<Inherited> {
    let listens = rustix::net::sockopt::socket_acceptconn(&socket).unwrap_or(false);
    let streams = rustix::net::sockopt::socket_type(&socket).is_ok_and(|kind| kind == SocketType::STREAM);
    match family(&socket) {
        Some(AddressFamily::INET | AddressFamily::INET6) if listens && streams => {
            Ok(Inherited::Tcp(socket.into()))
        }
        Some(AddressFamily::UNIX) if listens && streams => Ok(Inherited::Unix(socket.into())),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a listening TCP or Unix stream socket")),
    }
}

fn family(socket: &impl AsFd) -> Option<AddressFamily> {
    Some(rustix::net::getsockname(socket).ok()?.address_family())
}

#[derive(Debug, PartialEq, Eq)]
struct Passed {
    fd: RawFd,
    name: String,
}

/// Reads the variables. Variables that are meant for another process are ignored.
fn passed(for_pid: &str, count: &str, names: &str, pid: i32) -> Vec<Passed> {
    let (Ok(for_pid), Ok(count)) = (for_pid.parse::<i32>(), count.parse::<u16>()) else {
        return Vec::new();
    };
    if for_pid != pid {
        tracing::debug!(for_pid, pid, "service manager sockets belong to another process");
        return Vec::new();
    }
    let mut names = names.split(':').filter(|name| !name.is_empty());
    // `sd_listen_fds_with_names(3)` uses this name as well for sockets without one.
    let mut next = || names.next().unwrap_or("unknown").to_owned();
    (0..RawFd::from(count)).map(|at| Passed { fd: FIRST + at, name: next() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(for_pid: &str, count: &str, names: &str) -> Vec<(RawFd, String)> {
        passed(for_pid, count, names, 42).into_iter().map(|passed| (passed.fd, passed.name)).collect()
    }

    #[test]
    fn the_listen_variables_are_parsed_as_by_sd_listen_fds() {
        assert_eq!(read("42", "2", "http:admin"), [(3, "http".to_owned()), (4, "admin".to_owned())]);
        assert_eq!(read("42", "2", "http"), [(3, "http".to_owned()), (4, "unknown".to_owned())]);
        assert_eq!(read("42", "1", ""), [(3, "unknown".to_owned())]);
    }

    #[test]
    fn listen_variables_for_another_process_or_invalid_ones_are_ignored() {
        for (pid, count) in
            [("41", "1"), ("", "1"), ("42", ""), ("42", "-1"), ("42", "x"), ("42", "99999"), ("", "")]
        {
            assert_eq!(read(pid, count, "http"), [], "{pid:?} {count:?}");
        }
    }

    #[test]
    fn an_inherited_socket_that_does_not_listen_is_refused() {
        let file: OwnedFd = std::fs::File::open("/dev/null").unwrap().into();
        assert!(listening(file).is_err());
        let bound = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        assert!(listening(bound.into()).is_err());
        let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(listening(datagrams.into()).is_err());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(matches!(listening(listener.into()), Ok(Inherited::Tcp(_))));
    }
}

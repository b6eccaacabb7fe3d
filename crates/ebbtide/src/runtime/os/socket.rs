//! Socket options and socket state that tokio does not offer.
#![expect(
    unsafe_code,
    reason = "socket options, a request to a socket and a borrowed descriptor have no safe interface"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown};
use socket2::{SockAddr, SockRef, Socket};

/// Accesses a socket that other code owns, until the owner releases it.
///
/// Invariant: while the descriptor is `Some`, the owner has not closed it. The owner ensures this by calling
/// [`release`](Self::release) before it drops the socket. Every use holds the lock, so that none outlasts the release.
#[derive(Debug)]
pub(crate) struct SocketHandle {
    fd: Mutex<Option<RawFd>>,
}

/// The state of a socket's receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Nothing, the peer's end of stream, or a broken socket: there is no request to answer.
    Nothing,
    /// Unread bytes.
    Bytes,
}

impl SocketHandle {
    /// Creates a handle for a socket whose owner calls [`release`](Self::release) before closing it.
    pub(crate) fn new(socket: &impl AsRawFd) -> Self {
        Self { fd: Mutex::new(Some(socket.as_raw_fd())) }
    }

    /// Releases the socket: every later call has no effect.
    pub(crate) fn release(&self) {
        *self.fd.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Checks for unread bytes without consuming them.
    pub(crate) fn unread(&self) -> Unread {
        let mut byte = [0_u8; 1];
        let look =
            |fd: BorrowedFd<'_>| rustix::net::recv(fd, &mut byte[..], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        match self.with(look) {
            Some(Ok((1.., _))) => Unread::Bytes,
            Some(Err(Errno::INTR)) => Unread::Bytes,
            _ => Unread::Nothing,
        }
    }

    /// Returns the time since data was last sent or received, as reported by the kernel, accurate to a few milliseconds.
    ///
    /// A query of the kernel when it is needed avoids a clock read for each request. `None` if the kernel does not report it,
    /// and for Unix sockets.
    pub(crate) fn quiet(&self) -> Option<Duration> {
        #[cfg(target_os = "linux")]
        return self.with(|fd| tcp_info(&fd).ok()).flatten().map(|info| {
            Duration::from_millis(info.tcpi_last_data_sent.min(info.tcpi_last_data_recv).into())
        });
        #[cfg(not(target_os = "linux"))]
        return None;
    }

    /// Returns the number of written bytes that the peer's kernel has not acknowledged; zero if it is unknown.
    pub(crate) fn untaken(&self) -> u64 {
        #[cfg(target_os = "linux")]
        return self.with(|fd| unacknowledged(&fd).ok()).flatten().unwrap_or(0);
        #[cfg(not(target_os = "linux"))]
        return 0;
    }

    /// Sets whether closing the socket resets the connection (`SO_LINGER` with a timeout of zero), so that the peer cannot
    /// mistake what it has received for the whole. This applies to every close, including the one by the kernel when the
    /// process ends. Unix sockets cannot be reset.
    pub(crate) fn reset_on_close(&self, resets: bool) {
        let timeout = resets.then_some(Duration::ZERO);
        let _ = self.with(|fd| SockRef::from(&fd).set_linger(timeout));
    }

    /// Resets the connection immediately, which wakes every task that waits on the socket. If the system does not support that,
    /// shuts down both directions.
    pub(crate) fn abort(&self) {
        let _ = self.with(|fd| {
            #[cfg(target_os = "linux")]
            if rustix::net::connect_unspec(fd).is_ok() {
                return Ok(());
            }
            rustix::net::shutdown(fd, Shutdown::Both)
        });
    }

    /// Shuts down both directions, which wakes every task that waits on the socket.
    pub(crate) fn shutdown(&self) {
        let _ = self.with(|fd| rustix::net::shutdown(fd, Shutdown::Both));
    }

    fn with<R>(&self, then: impl FnOnce(BorrowedFd<'_>) -> R) -> Option<R> {
        let fd = self.fd.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: by the invariant of the type the descriptor is open while it is `Some`, and the lock is held until the borrow
        // has ended.
        fd.map(|fd| then(unsafe { BorrowedFd::borrow_raw(fd) }))
    }
}

/// Takes one connection from the accept queue, if there is one, without the reactor.
///
/// # Errors
///
/// Fails as `accept(2)` does. Returns `None` if the queue is empty, also for a socket that refuses new connections.
pub(crate) fn accept_now(listener: &impl AsFd) -> io::Result<Option<(Socket, SockAddr)>> {
    match SockRef::from(listener).accept() {
        Ok((socket, from)) => {
            socket.set_nonblocking(true)?;
            Ok(Some((socket, from)))
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns whether the accept queue of a listening TCP socket is empty; `false` if that is unknown. Needs no free descriptor.
pub(crate) fn is_queue_empty(listener: &impl AsRawFd) -> bool {
    let mut look = libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: the descriptor is borrowed for the call, and the pointer refers to one `pollfd` that outlives it.
    let found = unsafe { libc::poll(&raw mut look, 1, 0) };
    found == 0
}

/// Writes what fits into the send buffer. The kernel delays it until more is written or the socket is shut down, so that the
/// end of the stream is sent in the same packet. The delay is at most 200 ms (`tcp(7)`, `TCP_CORK`).
///
/// # Errors
///
/// Fails as `send(2)` does; [`io::ErrorKind::WouldBlock`] if the send buffer is full.
#[cfg(target_os = "linux")]
pub(crate) fn send_before_end(socket: &impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    use rustix::net::SendFlags;
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL | SendFlags::MORE;
    Ok(rustix::net::send(socket, bytes, flags)?)
}

/// Writes what fits into the send buffer.
///
/// # Errors
///
/// Fails as `send(2)` does; [`io::ErrorKind::WouldBlock`] if the send buffer is full.
#[cfg(feature = "tls")]
pub(crate) fn send_now(socket: &impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    use rustix::net::SendFlags;
    Ok(rustix::net::send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
}

/// Makes a listening Unix socket refuse new connections. Connections in its queue can still be accepted. (Linux; it may have no
/// effect on other systems.)
///
/// # Errors
///
/// Fails as `shutdown(2)` does.
pub(crate) fn refuse_connections(listener: &impl AsFd) -> io::Result<()> {
    Ok(rustix::net::shutdown(listener, Shutdown::Read)?)
}

/// Sets the backlog of a socket, including one that already listens.
///
/// # Errors
///
/// Fails as `listen(2)` does.
pub(crate) fn listen(listener: &impl AsFd, backlog: i32) -> io::Result<()> {
    Ok(rustix::net::listen(listener, backlog)?)
}

/// Makes the kernel drop each new SYN before the listener receives it. Later connections from the listener inherit the filter,
/// which never matches there.
///
/// # Errors
///
/// Fails if the kernel or a sandbox refuses `SO_ATTACH_FILTER`.
#[cfg(target_os = "linux")]
pub(crate) fn drop_syn_by_filter(listener: &impl AsFd) -> io::Result<()> {
    use socket2::SockFilter;
    // The filter of a TCP socket receives the packet from the TCP header on; byte 13 holds the flags (RFC 9293 §3.1).
    const FLAGS_OFFSET: u32 = 13;
    const SYN: u32 = 0x02;
    const SYN_AND_ACK: u32 = 0x12;
    const KEEP: u32 = u32::MAX;
    const DROP: u32 = 0;
    let op = |code: u32, jt, jf, k| SockFilter::new(code as u16, jt, jf, k);
    SockRef::from(listener).attach_filter(&[
        op(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, FLAGS_OFFSET),
        op(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, SYN_AND_ACK),
        op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, 0, SYN),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, KEEP),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, DROP),
    ])
}

/// Requires packets to come from at most `255 - hops + 1` hops away: 255 drops everything that a usual peer sends, 0 drops
/// nothing. Handshakes in progress complete in either case, because the kernel checks only the listener's packets.
///
/// # Errors
///
/// Fails if the kernel or a sandbox refuses the option.
#[cfg(target_os = "linux")]
pub(crate) fn set_min_ttl(socket: &(impl AsFd + AsRawFd), ipv6: bool, hops: u8) -> io::Result<()> {
    // A dual-stack socket has both options; the IPv4 option applies to its IPv4 peers.
    let both = set_int(socket, libc::IPPROTO_IP, libc::IP_MINTTL, hops.into());
    if ipv6 { set_int(socket, libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT, hops.into()) } else { both }
}

#[cfg(target_os = "linux")]
fn set_int(socket: &impl AsRawFd, level: i32, option: i32, value: i32) -> io::Result<()> {
    let length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the descriptor is borrowed for the call, and the pointer and the length describe one i32 that outlives it.
    let done =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), length) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(target_os = "linux")]
fn unacknowledged(socket: &impl AsRawFd) -> io::Result<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is borrowed for the call, and the kernel writes one int, as SIOCOUTQ (which has the number
    // of TIOCOUTQ) does for sockets.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if done == 0 { Ok(u64::try_from(bytes).unwrap_or(0)) } else { Err(io::Error::last_os_error()) }
}

#[cfg(target_os = "linux")]
fn tcp_info(socket: &impl AsRawFd) -> io::Result<libc::tcp_info> {
    // SAFETY: the structure consists of integers, for which all zeroes are a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the descriptor is borrowed for the call, and the kernel writes at most `length` bytes to `info`.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    if done == 0 { Ok(info) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_shut_down_unix_listener_returns_its_queue_and_refuses_the_rest() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.sock");
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let queued: Vec<_> = (0..10).map(|_| UnixStream::connect(&path).unwrap()).collect();
        refuse_connections(&listener).unwrap();
        let refused = UnixStream::connect(&path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        for _ in &queued {
            assert!(accept_now(&listener).unwrap().is_some());
        }
        assert!(accept_now(&listener).unwrap().is_none());
    }
}

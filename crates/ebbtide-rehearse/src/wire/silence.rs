//! How long a client left a new connection silent before it wrote the first byte.
//!
//! A client of the load writes at once. On a busy machine it may get no processor time for longer than a server waits for the first byte of a
//! connection. Its own clock stands still then, and only the kernel's shows it. Where the server had not closed the connection when the first
//! byte was written, the silence is not why it closed it later.
#![expect(unsafe_code, reason = "TCP_INFO has no safe form")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::stream::Stream;

/// From this silence on a client is late. A server that waits for the first byte at all waits as long.
const LATE: Duration = Duration::from_millis(100);

/// The silence of one connection, if the server had closed it by the end of that. Its clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Silence(Arc<OnceLock<Option<Duration>>>);

impl Silence {
    /// Ends it, before the first byte is written to `stream`. Later calls have no effect.
    pub(super) fn end(&self, stream: &Stream) {
        self.0.get_or_init(|| match stream {
            Stream::Tcp(tcp) => {
                since_last_sent(tcp).ok().filter(|silence| *silence >= LATE && stream.has_ended())
            }
            Stream::Unix(_) => None,
        });
    }

    /// Returns its length in milliseconds, if the server may have closed the connection for it. `None`: it was too short, the server closed the
    /// connection later or not at all, or that is not known, as on a Unix socket.
    pub(crate) fn if_late(&self) -> Option<u64> {
        let silence = self.0.get().copied().flatten()?;
        Some(u64::try_from(silence.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Returns how long ago the last data was sent, or if there was none, the handshake of TCP was done.
fn since_last_sent(socket: &impl AsFd) -> io::Result<Duration> {
    // SAFETY: the structure consists of integers, for which all zeroes are a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the descriptor is borrowed for the call, and the kernel writes at most `length` bytes to `info`.
    let done = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Duration::from_millis(info.tcpi_last_data_sent.into()))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use tokio::net::{TcpStream, UnixStream};

    use super::*;

    /// Returns both ends of a connection.
    async fn connected() -> (Stream, std::net::TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Stream::Tcp(near), listener.accept().unwrap().0)
    }

    #[tokio::test]
    async fn the_silence_lasts_from_the_handshake_to_the_first_byte() {
        let (near, far) = connected().await;
        let silence = Silence::default();
        thread::sleep(LATE * 2);
        drop(far);
        assert_eq!(silence.if_late(), None, "it has not ended");
        silence.end(&near);
        let length = silence.if_late().unwrap();
        assert!(length >= 100, "{length}");
        // Later bytes do not change it.
        thread::sleep(LATE);
        silence.clone().end(&near);
        assert_eq!(silence.if_late(), Some(length));
    }

    #[tokio::test]
    async fn what_is_closed_behind_the_first_byte_is_not_closed_for_silence() {
        let (near, far) = connected().await;
        let silence = Silence::default();
        thread::sleep(LATE * 2);
        silence.end(&near);
        drop(far);
        assert_eq!(silence.if_late(), None);
    }

    #[tokio::test]
    async fn what_was_sent_ends_a_silence_as_a_handshake_of_tls_does() {
        let (near, _far) = connected().await;
        let Stream::Tcp(tcp) = &near else { unreachable!() };
        thread::sleep(LATE * 2);
        let before = since_last_sent(tcp).unwrap();
        near.try_write(b"hello").unwrap();
        assert!(since_last_sent(tcp).unwrap() < before && before >= LATE);
    }

    #[tokio::test]
    async fn that_of_a_unix_socket_is_not_known() {
        let (near, far) = UnixStream::pair().unwrap();
        let silence = Silence::default();
        thread::sleep(LATE * 2);
        drop(far);
        silence.end(&Stream::Unix(near));
        assert_eq!(silence.if_late(), None);
    }
}

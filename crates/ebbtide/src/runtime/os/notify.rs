//! The socket of a service manager: one datagram per message, as in `sd_notify(3)`.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends datagrams to the address in `NOTIFY_SOCKET`, and never waits for the reader.
#[derive(Debug)]
pub(crate) struct NotifySocket {
    socket: UnixDatagram,
    to: SocketAddr,
}

impl NotifySocket {
    /// Accepts an absolute path, or an abstract name after an `@`.
    ///
    /// # Errors
    ///
    /// If the address is neither, or no socket can be created.
    pub(crate) fn to(address: &OsStr) -> io::Result<Self> {
        let to = parse(address.as_bytes())?;
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, to })
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if the reader's queue is full; others if there is no reader.
    pub(crate) fn send(&self, message: &str) -> io::Result<()> {
        // Not connected, because a restarted manager listens on a new socket at the same address.
        self.socket.send_to_addr(message.as_bytes(), &self.to).map(drop)
    }
}

fn parse(address: &[u8]) -> io::Result<SocketAddr> {
    match address {
        [b'/', ..] => SocketAddr::from_pathname(OsStr::from_bytes(address)),
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt as _;
            SocketAddr::from_abstract_name(name)
        }
        _ => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "neither an absolute path nor an abstract name"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_notify_addresses_are_refused() {
        let long = format!("/{}", "x".repeat(200));
        for address in ["", "relative", "vsock:2:1234", "/with\0nul", long.as_str()] {
            assert!(NotifySocket::to(OsStr::new(address)).is_err(), "{address:?}");
        }
    }

    #[test]
    fn a_notify_message_is_one_datagram_for_paths_and_abstract_names() {
        use std::os::linux::net::SocketAddrExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("ebbtide-notify-{}", std::process::id());
        let at_path = UnixDatagram::bind(&path).unwrap();
        let at_name = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        for (address, reader) in [(path.to_str().unwrap(), at_path), (&format!("@{name}"), at_name)] {
            NotifySocket::to(OsStr::new(address)).unwrap().send("READY=1\nSTATUS=up").unwrap();
            let mut buffer = [0; 100];
            let length = reader.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"READY=1\nSTATUS=up");
        }
    }

    #[test]
    fn neither_a_full_nor_a_closed_notify_socket_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let reader = UnixDatagram::bind(&path).unwrap();
        let socket = NotifySocket::to(path.as_os_str()).unwrap();
        let error = (0..1_000_000).find_map(|_| socket.send("STATUS=again").err()).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(reader);
        assert_eq!(socket.send("STATUS=gone").unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}

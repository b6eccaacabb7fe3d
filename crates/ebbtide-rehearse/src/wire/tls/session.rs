//! A session on a socket that does not block.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustls::ClientConnection;

use super::{TlsFailure, TlsTarget};
use crate::scenario::Protocol;
use crate::wire::stream::Stream;

/// An established session.
#[derive(Debug)]
pub(in crate::wire) struct TlsSession {
    stream: Arc<Stream>,
    connection: Mutex<ClientConnection>,
}

/// What can be read from a session without waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Input {
    Nothing,
    Bytes,
    End,
}

/// The longest part of a request that is encrypted at once: a record.
const RECORD: usize = 16 * 1024;

impl TlsSession {
    /// Makes the handshake. Has no timeout: the caller must set one.
    pub(in crate::wire) async fn open(
        stream: &Arc<Stream>,
        target: &TlsTarget,
        protocol: Protocol,
    ) -> io::Result<Self> {
        let name = target.name.clone().ok_or(TlsFailure::OtherName)?;
        let failed = |error| TlsFailure::from(&error);
        let mut connection = ClientConnection::new(target.config(protocol)?, name).map_err(failed)?;
        loop {
            match flush(&mut connection, stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    stream.writable().await?;
                    continue;
                }
                flushed => flushed?,
            }
            if !connection.is_handshaking() {
                break;
            }
            stream.readable().await?;
            match connection.read_tls(&mut Wire(stream)) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            }
            if let Err(error) = connection.process_new_packets() {
                // The alert says why; if it cannot be sent, the server sees the connection close.
                let _unsent = flush(&mut connection, stream);
                return Err(TlsFailure::from(&error).into());
            }
        }
        if protocol != Protocol::Http1 && connection.alpn_protocol() != Some(b"h2") {
            return Err(TlsFailure::NotHttp2.into());
        }
        Ok(Self { stream: Arc::clone(stream), connection: Mutex::new(connection) })
    }

    /// Reads what has arrived, up to the length of `buffer`; 0 at the end.
    pub(in crate::wire) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut connection = self.connection();
        loop {
            match connection.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Without a close_notify: the bytes show what is missing.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            connection.read_tls(&mut Wire(&self.stream))?;
            process(&mut connection, &self.stream)?;
        }
    }

    /// Writes as much of `bytes` as the socket takes, once what was written before has left.
    pub(in crate::wire) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut connection = self.connection();
        flush(&mut connection, &self.stream)?;
        let count = connection.writer().write(bytes.get(..RECORD).unwrap_or(bytes))?;
        match flush(&mut connection, &self.stream) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(count),
        }
    }

    /// Sends what was written and is still here.
    pub(in crate::wire) fn try_flush(&self) -> io::Result<()> {
        flush(&mut self.connection(), &self.stream)
    }

    /// Returns whether something can be read although nothing arrives: bytes that are decrypted already, or the end.
    pub(in crate::wire) fn has_input(&self) -> bool {
        decrypted(&mut self.connection()) != Input::Nothing
    }

    /// Returns whether the peer has neither ended the session nor sent bytes, by the present state in the kernel. Tickets are neither.
    pub(in crate::wire) fn is_quiet(&self) -> bool {
        self.look() == Input::Nothing
    }

    /// Returns whether the peer has ended the session and nothing is left to read.
    pub(in crate::wire) fn is_at_end(&self) -> bool {
        self.look() == Input::End
    }

    fn look(&self) -> Input {
        let mut connection = self.connection();
        loop {
            match decrypted(&mut connection) {
                Input::Nothing => {}
                input => return input,
            }
            match connection.read_tls(&mut Kernel(&self.stream)) {
                Ok(0) => return Input::End,
                Ok(_) if process(&mut connection, &self.stream).is_ok() => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Input::Nothing,
                Ok(_) | Err(_) => return Input::End,
            }
        }
    }

    fn connection(&self) -> MutexGuard<'_, ClientConnection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TlsSession {
    /// Announces the end, as far as the socket takes it.
    fn drop(&mut self) {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.send_close_notify();
        while connection.wants_write() && connection.write_tls(&mut Kernel(&self.stream)).is_ok() {}
    }
}

fn decrypted(connection: &mut ClientConnection) -> Input {
    match connection.process_new_packets() {
        Ok(state) if state.plaintext_bytes_to_read() > 0 => Input::Bytes,
        Ok(state) if state.peer_has_closed() => Input::End,
        Ok(_) => Input::Nothing,
        Err(_) => Input::End,
    }
}

fn process(connection: &mut ClientConnection, stream: &Stream) -> io::Result<()> {
    let processed = connection.process_new_packets();
    // An answer to the peer, such as a new key. A failed write shows when the application writes.
    let _later = flush(connection, stream);
    processed.map(|_| ()).map_err(|error| TlsFailure::from(&error).into())
}

fn flush(connection: &mut ClientConnection, stream: &Stream) -> io::Result<()> {
    while connection.wants_write() {
        connection.write_tls(&mut Wire(stream))?;
    }
    Ok(())
}

/// Reads and writes as the runtime permits: a call that would block waits for its next event.
struct Wire<'a>(&'a Stream);

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads and writes by the state in the kernel, of which the runtime may not know yet.
struct Kernel<'a>(&'a Stream);

impl Read for Kernel<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(recv(self.0, buffer, RecvFlags::DONTWAIT).map(|(read, _)| read)?)
    }
}

impl Write for Kernel<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(self.0, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

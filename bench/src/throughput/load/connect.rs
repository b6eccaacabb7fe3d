use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

const REQUEST: &[u8] = b"GET /ping HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";

/// A connection for each request. The server closes it, and keeps the TIME_WAIT: ours would use up the ports.
#[derive(Debug)]
pub(super) struct Connect {
    address: SocketAddr,
    stream: Option<TcpStream>,
    received: usize,
}

impl Connect {
    /// Asks once, to see that it is answered.
    pub(super) fn new(address: SocketAddr) -> io::Result<Self> {
        let mut client = Self { address, stream: None, received: 0 };
        client.ask()?.set_nonblocking(false)?;
        while !client.take()? {}
        Ok(client)
    }

    pub(super) fn ask(&mut self) -> io::Result<&TcpStream> {
        self.received = 0;
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(REQUEST)?;
        stream.set_nonblocking(true)?;
        Ok(self.stream.insert(stream))
    }

    pub(super) fn take(&mut self) -> io::Result<bool> {
        let Some(stream) = &mut self.stream else { return Ok(false) };
        let mut buffer = [0; 1024];
        let read = stream.read(&mut buffer)?;
        if read > 0 && self.received == 0 && !buffer.starts_with(OK) {
            return Err(io::Error::other("an answer is not the expected one"));
        }
        self.received += read;
        if read > 0 {
            return Ok(false);
        }
        if self.received == 0 {
            return Err(io::Error::other("a request was not answered"));
        }
        self.stream = None;
        Ok(true)
    }
}

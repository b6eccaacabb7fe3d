//! A connection written byte by byte, for requests that are to stop half-way.

use std::io;

use rustix::net::{RecvFlags, recv};
use tokio::net::TcpStream;

use super::response::{Answer, head_length, parse};
use super::wire::Socket;
use crate::rehearse::record::{Close, Outcome};

/// One connection and what was read on it so far.
#[derive(Debug)]
pub(super) struct Raw {
    socket: Socket,
    read: Vec<u8>,
    written: bool,
}

impl Raw {
    /// On a socket just connected.
    pub(super) fn new(socket: Socket) -> Self {
        Self { socket, read: Vec::new(), written: false }
    }

    fn stream(&self) -> &TcpStream {
        self.socket.stream()
    }

    /// Whether the server has closed the connection, as the kernel knows this instant.
    pub(super) fn closed(&self) -> bool {
        let mut byte = [0_u8; 1];
        let looked = recv(self.stream(), &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT);
        !matches!(looked, Err(rustix::io::Errno::AGAIN) | Ok((_, 1)))
    }

    /// Writes all of `bytes`. A failure shows when the answer is read.
    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream().writable().await?;
            match self.stream().try_write(bytes) {
                Ok(count) => {
                    self.written = true;
                    bytes = bytes.get(count..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads until at least one byte of an answer is here, and no further.
    pub(super) async fn first_byte(&mut self) -> io::Result<()> {
        self.more(1).await.map(|_| ())
    }

    /// Reads one whole answer.
    ///
    /// # Errors
    ///
    /// The outcome, when there is none.
    pub(super) async fn answer(&mut self) -> Result<Answer, Outcome> {
        loop {
            if let Some((answer, length)) = parse(&self.read, false) {
                self.read.drain(..length);
                return Ok(answer);
            }
            match self.more(4096).await {
                Ok(0) => {
                    // A body without a length ends with the connection.
                    return match parse(&self.read, true) {
                        Some((answer, _)) => Ok(answer),
                        None => Err(self.cut(Close::Eof)),
                    };
                }
                Ok(_) => {}
                Err(_) => return Err(self.cut(Close::Reset)),
            }
        }
    }

    fn cut(&self, close: Close) -> Outcome {
        match (self.written, self.read.is_empty()) {
            (false, _) => Outcome::ClosedBeforeSend { close },
            (true, true) => Outcome::Unanswered { close },
            (true, false) if head_length(&self.read).is_some() => Outcome::CutInBody { close },
            (true, false) => Outcome::CutInHead { close },
        }
    }

    async fn more(&mut self, most: usize) -> io::Result<usize> {
        let mut chunk = [0_u8; 4096];
        loop {
            self.socket.stream().readable().await?;
            match self.socket.stream().try_read(chunk.get_mut(..most.min(4096)).unwrap_or_default()) {
                Ok(count) => {
                    self.read.extend_from_slice(chunk.get(..count).unwrap_or_default());
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

//! A connection written byte by byte, for requests that are to stop half-way.

use std::io;

use rustix::net::{RecvFlags, recv};
use tokio::net::TcpStream;

use super::wire::Socket;
use crate::rehearse::record::{Close, Outcome};

/// One connection and what was read on it so far.
#[derive(Debug)]
pub(super) struct Raw {
    socket: Socket,
    read: Vec<u8>,
    written: bool,
}

/// A whole response.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its status.
    pub(super) status: u16,
    /// Whether the server announced that it will close the connection.
    pub(super) closes: bool,
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

fn head_length(read: &[u8]) -> Option<usize> {
    read.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// The answer at the beginning of `read` and its length, when it is whole; `ended`: nothing more will come.
fn parse(read: &[u8], ended: bool) -> Option<(Answer, usize)> {
    let head = head_length(read)?;
    let text = String::from_utf8_lossy(read.get(..head)?).to_ascii_lowercase();
    let mut lines = text.lines();
    let mut first = lines.next()?.split(' ');
    let old = first.next()? == "http/1.0";
    let status: u16 = first.next()?.parse().ok()?;
    let header = |name: &str| {
        text.lines().skip(1).find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    let connection = header("connection").unwrap_or_default();
    let closes = connection.contains("close") || (old && !connection.contains("keep-alive"));
    let body = read.get(head..)?;
    let length = if status == 204 || status == 304 || status < 200 {
        0
    } else if let Some(length) = header("content-length") {
        length.parse().ok().filter(|length| body.len() >= *length)?
    } else if header("transfer-encoding").is_some_and(|encoding| encoding.contains("chunked")) {
        chunked_length(body)?
    } else if ended {
        body.len()
    } else {
        return None;
    };
    Some((Answer { status, closes }, head + length))
}

/// The length of a chunked body, when it is whole.
fn chunked_length(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = body.get(at..)?;
        let line = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(rest.get(..line)?).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        at = at.checked_add(line)?.checked_add(size)?.checked_add(4)?;
        if at > body.len() {
            return None;
        }
        if size == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_only_with_its_last_byte() {
        for whole in [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ] {
            let parsed = |cut: usize| parse(&whole.as_bytes()[..whole.len() - cut], false);
            assert_eq!(parsed(0).unwrap().1, whole.len());
            for cut in 1..whole.len() {
                assert!(parsed(cut).is_none(), "{cut} bytes short of {whole:?}");
            }
        }
    }

    #[test]
    fn a_body_without_a_length_ends_with_the_connection() {
        let read = b"HTTP/1.0 200 OK\r\n\r\nok";
        assert!(parse(read, false).is_none());
        assert!(parse(read, true).unwrap().0.closes);
    }
}

use std::io::{self, Read, Write};
use std::net::TcpStream;

const REQUEST: &[u8] = b"GET /ping HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";
const BODY: &[u8] = b"\r\n\r\npong";

/// One connection with one request at a time. It neither allocates nor parses, since every answer has to be the same
/// bytes but for the date.
#[derive(Debug)]
pub(super) struct KeepAlive {
    stream: TcpStream,
    received: usize,
    /// Octets of one answer.
    answer: usize,
}

impl KeepAlive {
    pub(super) fn new(mut stream: TcpStream) -> io::Result<Self> {
        let answer = first_answer(&mut stream)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, received: 0, answer })
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn ask(&mut self) -> io::Result<()> {
        self.received = 0;
        self.stream.write_all(REQUEST)
    }

    pub(super) fn take(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 1024];
        let read = self.stream.read(&mut buffer)?;
        let begins = self.received > 0 || buffer.starts_with(OK);
        self.received += read;
        if read == 0 || !begins || self.received > self.answer {
            return Err(io::Error::other("an answer is not what the first one was"));
        }
        Ok(self.received == self.answer)
    }
}

/// Asks once and returns the length of the answer.
fn first_answer(stream: &mut TcpStream) -> io::Result<usize> {
    stream.write_all(REQUEST)?;
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    while !answer.ends_with(BODY) {
        let read = stream.read(&mut buffer)?;
        answer.extend_from_slice(buffer.get(..read).unwrap_or_default());
        if read == 0 || !answer.starts_with(OK) {
            let answer = String::from_utf8_lossy(&answer);
            return Err(io::Error::other(format!("the first answer is {answer:?}")));
        }
    }
    Ok(answer.len())
}

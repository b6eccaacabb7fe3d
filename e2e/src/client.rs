#![expect(clippy::panic, reason = "a broken harness fails its test")]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Long enough for anything that happens at all; nothing is measured with it.
const LONG: Duration = Duration::from_secs(60);

/// A connection on which every byte is ours: no library repeats, pools or hides anything.
#[derive(Debug)]
pub struct Client {
    /// The socket.
    pub stream: TcpStream,
    read: Vec<u8>,
}

/// A response that came whole, by what its own head says.
#[derive(Debug)]
pub struct Answer {
    /// The head in small letters, with the empty line.
    pub head: String,
    /// The body, without the chunks' sizes.
    pub body: Vec<u8>,
}

/// What came in place of a whole response.
#[derive(Debug)]
pub struct Cut {
    /// What came of it.
    pub read: Vec<u8>,
    /// How the stream ended.
    pub end: End,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order.
    Fin,
    /// With an error, such as a reset.
    Error(io::ErrorKind),
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When the connection is refused or not answered.
    pub async fn connect(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::new() })
    }

    /// Writes bytes.
    ///
    /// # Errors
    ///
    /// When the peer has closed.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Asks for a path, and leaves the connection open.
    ///
    /// # Errors
    ///
    /// When the peer has closed.
    pub async fn get(&mut self, path: &str) -> io::Result<()> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).await
    }

    /// Reads one response.
    ///
    /// # Errors
    ///
    /// [`Cut`] when it does not come whole.
    ///
    /// # Panics
    ///
    /// When neither it nor an end comes within a minute.
    pub async fn answer(&mut self) -> Result<Answer, Cut> {
        loop {
            if let Some((answer, length)) = parse(&self.read, false) {
                self.read.drain(..length);
                return Ok(answer);
            }
            if let Some(end) = self.more().await {
                let read = std::mem::take(&mut self.read);
                return match parse(&read, end == End::Fin) {
                    Some((answer, _)) => Ok(answer),
                    None => Err(Cut { read, end }),
                };
            }
        }
    }

    /// Reads until something has come, and returns how much has so far.
    ///
    /// # Panics
    ///
    /// When nothing does.
    pub async fn begun(&mut self) -> usize {
        while self.read.is_empty() {
            assert_eq!(self.more().await, None, "the stream ended before the first byte");
        }
        self.read.len()
    }

    /// Reads to the end of the stream.
    ///
    /// # Panics
    ///
    /// When it does not come within a minute.
    pub async fn rest(&mut self) -> Cut {
        loop {
            if let Some(end) = self.more().await {
                return Cut { read: std::mem::take(&mut self.read), end };
            }
        }
    }

    async fn more(&mut self) -> Option<End> {
        let mut chunk = [0; 16 * 1024];
        let read = tokio::time::timeout(LONG, self.stream.read(&mut chunk)).await;
        match read
            .unwrap_or_else(|_| panic!("nothing comes, not even an end, after {} bytes", self.read.len()))
        {
            Ok(0) => Some(End::Fin),
            Ok(read) => {
                self.read.extend_from_slice(&chunk[..read]);
                None
            }
            Err(error) => Some(End::Error(error.kind())),
        }
    }
}

impl Answer {
    /// Tells whether the status is 200.
    pub fn is_ok(&self) -> bool {
        self.head.starts_with("http/1.1 200") || self.head.starts_with("http/1.0 200")
    }

    /// Tells whether the server says that it will close the connection.
    pub fn closes(&self) -> bool {
        self.head.contains("\r\nconnection: close\r\n")
    }
}

/// The response at the beginning of `read` and its length, if it is whole; `ended`: nothing more will come.
fn parse(read: &[u8], ended: bool) -> Option<(Answer, usize)> {
    let end = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let rest = &read[end..];
    let (body, length) = if let Some(length) = header("content-length:") {
        let length = length.parse().ok()?;
        (rest.get(..length)?.to_vec(), length)
    } else if header("transfer-encoding:") == Some("chunked") {
        dechunk(rest)?
    } else if ended {
        (rest.to_vec(), rest.len())
    } else {
        return None;
    };
    Some((Answer { head, body }, end + length))
}

fn dechunk(read: &[u8]) -> Option<(Vec<u8>, usize)> {
    // Nothing is copied before the last chunk has come: this is called again for everything that is read.
    let (mut chunks, mut at) = (Vec::new(), 0);
    loop {
        let line = read[at..].windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&read[at..at + line]).ok()?, 16).ok()?;
        let data = at + line + 2;
        chunks.push(read.get(data..data + size)?);
        at = data + size + 2;
        if read.get(at - 2..at)? != b"\r\n" {
            return None;
        }
        if size == 0 {
            return Some((chunks.concat(), at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_whole_only_with_its_last_byte() {
        for whole in [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ] {
            for cut in 1..whole.len() {
                assert!(parse(&whole.as_bytes()[..whole.len() - cut], true).is_none(), "{cut} of {whole:?}");
            }
            let (answer, length) = parse(whole.as_bytes(), false).unwrap();
            assert_eq!((answer.body.as_slice(), length), (b"ok".as_slice(), whole.len()));
        }
        assert!(parse(b"HTTP/1.0 200 OK\r\n\r\nok", true).is_some());
        assert!(parse(b"HTTP/1.0 200 OK\r\n\r\nok", false).is_none());
    }
}

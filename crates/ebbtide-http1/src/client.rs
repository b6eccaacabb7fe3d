//! An HTTP/1 client on tokio.

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::stream::take_response;
use crate::{End, Method, Response, StreamEnd};

/// A client connection on which the caller writes every byte that is sent: nothing is pooled, retried or hidden.
///
/// # Panics
///
/// Every method that reads panics when neither a byte nor the end of the stream is received within a minute, so that a test fails
/// instead of waiting for ever. If a server may be silent for longer, wrap the call in a shorter [`timeout`].
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use ebbtide_http1::client::Client;
///
/// let mut client = Client::connect(([127, 0, 0, 1], 8080).into()).await?;
/// client.send(b"GET /ping HTTP/1.1\r\nHost: example\r\nConnection: close\r\n\r\n").await?;
/// let response = client.response().await?;
/// assert!(response.is_ok() && response.closes);
/// assert!(client.rest().await.received.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client<S = TcpStream> {
    /// The stream, for other protocols than HTTP. It does not contain the bytes that the client has read already.
    pub stream: S,
    received: Vec<u8>,
}

const LIMIT: Duration = Duration::from_secs(60);

/// Minimum free capacity of the buffer for a read, in bytes. A buffer that has grown for a body has more.
const READ: usize = 4096;

impl Client {
    /// Connects to a server, with `TCP_NODELAY` set.
    ///
    /// # Errors
    ///
    /// When the connection is refused or times out.
    pub async fn connect(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self::new(stream))
    }

    /// Returns whether the kernel has neither unread bytes nor the end of the stream for this connection now.
    pub fn is_quiet(&self) -> bool {
        let looked = SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]);
        looked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Creates a client on an open connection.
    pub fn new(stream: S) -> Self {
        Self { stream, received: Vec::new() }
    }

    /// Writes bytes and flushes the stream.
    ///
    /// # Errors
    ///
    /// When the peer has closed the connection.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Sends a GET request with no header but `Host`.
    ///
    /// # Errors
    ///
    /// When the peer has closed the connection.
    pub async fn get(&mut self, path: &str) -> io::Result<()> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).await
    }

    /// Reads one response to a request with another method than `HEAD`.
    ///
    /// # Errors
    ///
    /// When the response is incomplete or malformed.
    pub async fn response(&mut self) -> Result<Response, StreamEnd> {
        self.response_to(Method::Other).await
    }

    /// Reads one response to a request with this method.
    ///
    /// # Errors
    ///
    /// When the response is incomplete or malformed.
    pub async fn response_to(&mut self, method: Method) -> Result<Response, StreamEnd> {
        let mut end = None;
        loop {
            if let Some(read) = take_response(&mut self.received, method, end) {
                return read;
            }
            end = self.more().await;
        }
    }

    /// Reads one response and the end of the stream after it.
    ///
    /// # Errors
    ///
    /// When the response is incomplete or malformed, or when anything but a regular end of the stream follows it.
    pub async fn last_response(&mut self) -> Result<Response, StreamEnd> {
        let response = self.response().await?;
        let rest = self.rest().await;
        if rest.is_eof() && rest.received.is_empty() { Ok(response) } else { Err(rest) }
    }

    /// Reads until at least one byte is buffered, and returns how many are.
    ///
    /// # Errors
    ///
    /// When the stream ends first.
    pub async fn first_bytes(&mut self) -> Result<usize, StreamEnd> {
        while self.received.is_empty() {
            self.some_more().await?;
        }
        Ok(self.received.len())
    }

    /// Reads up to the first occurrence of some bytes, and returns everything up to its end.
    ///
    /// # Errors
    ///
    /// When the stream ends first.
    pub async fn read_until(&mut self, bytes: &[u8]) -> Result<Vec<u8>, StreamEnd> {
        loop {
            let found = self.received.windows(bytes.len().max(1)).position(|window| window == bytes);
            if let Some(at) = found {
                return Ok(self.received.drain(..at.saturating_add(bytes.len())).collect());
            }
            self.some_more().await?;
        }
    }

    /// Reads to the end of the stream, and returns the bytes received and how it ended.
    pub async fn rest(&mut self) -> StreamEnd {
        loop {
            if let Err(end) = self.some_more().await {
                return end;
            }
        }
    }

    async fn some_more(&mut self) -> Result<(), StreamEnd> {
        match self.more().await {
            None => Ok(()),
            Some(end) => Err(StreamEnd { received: mem::take(&mut self.received), end }),
        }
    }

    #[expect(clippy::panic, reason = "documented")]
    async fn more(&mut self) -> Option<End> {
        self.received.reserve(READ);
        let read = self.stream.read_buf(&mut self.received);
        match timeout(LIMIT, read).await {
            Ok(Ok(0)) => Some(End::Eof),
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(End::Error(error.kind())),
            Err(_) => {
                panic!("no data and no end of stream within {LIMIT:?} after {} bytes", self.received.len())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;
    use tokio::net::TcpListener;

    use super::*;

    const PONG: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong";

    #[tokio::test]
    async fn each_response_is_read_once_and_later_bytes_stay_buffered() {
        let (near, mut far) = duplex(16);
        let mut client = Client::new(near);
        let answer = async {
            far.write_all(&[PONG, PONG, b"rest"].concat()).await.unwrap();
            drop(far);
        };
        let ask = async {
            for _ in 0..2 {
                assert_eq!(client.response().await.unwrap().text(), "pong");
            }
            assert_eq!(client.read_until(b"es").await.unwrap(), b"res");
            assert_eq!(client.rest().await, StreamEnd { received: b"t".to_vec(), end: End::Eof });
        };
        tokio::join!(answer, ask);
    }

    #[tokio::test]
    async fn last_response_rejects_bytes_after_the_response() {
        for (behind, received) in [("", None), ("x", Some(b"x".to_vec()))] {
            let (near, mut far) = duplex(100);
            far.write_all(&[PONG, behind.as_bytes()].concat()).await.unwrap();
            drop(far);
            let rest = Client::new(near).last_response().await.err();
            assert_eq!(rest.map(|rest| rest.received), received);
        }
    }

    #[tokio::test]
    async fn an_incomplete_response_returns_the_bytes_received() {
        let (near, mut far) = duplex(100);
        let mut client = Client::new(near);
        far.write_all(&PONG[..PONG.len() - 1]).await.unwrap();
        assert_eq!(client.first_bytes().await.unwrap(), PONG.len() - 1);
        drop(far);
        let end = client.response().await.unwrap_err();
        assert_eq!(end, StreamEnd { received: PONG[..PONG.len() - 1].to_vec(), end: End::Eof });
    }

    #[tokio::test]
    async fn a_reset_is_distinguished_from_a_regular_end_of_stream() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = Client::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        assert!(client.is_quiet());
        client.get("/ping").await.unwrap();
        // The server closes with unread bytes: the kernel resets the connection.
        server.readable().await.unwrap();
        drop(server);
        assert!(client.rest().await.is_reset());
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "no data and no end of stream within 60s after 0 bytes")]
    async fn a_client_panics_when_the_server_is_silent_for_a_minute() {
        let (near, _far) = duplex(100);
        let _ = Client::new(near).response().await;
    }
}

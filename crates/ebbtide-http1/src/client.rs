//! A client on tokio.

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

/// One connection, on which every byte that is sent is the caller's: nothing is pooled, repeated or hidden.
///
/// # Panics
///
/// Every method that reads panics when neither a byte nor the end of the stream comes within a minute: a test that waits for ever says
/// nothing. Where a server may be silent for longer, put a [`timeout`] around it.
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
    /// The stream, for what is no HTTP. What was read of it already is not there any more.
    pub stream: S,
    received: Vec<u8>,
}

const LIMIT: Duration = Duration::from_secs(60);

/// The least that is read at once. A buffer that has grown to hold a body takes more.
const READ: usize = 4096;

impl Client {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When the connection is refused or not answered.
    pub async fn connect(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self::new(stream))
    }

    /// Tells whether neither bytes nor the end of the stream have arrived unread, as the kernel knows this instant.
    pub fn is_quiet(&self) -> bool {
        let looked = SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]);
        looked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Takes a connection that is open.
    pub fn new(stream: S) -> Self {
        Self { stream, received: Vec::new() }
    }

    /// Writes bytes.
    ///
    /// # Errors
    ///
    /// When the peer has closed.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Sends a GET with nothing but the host in its head.
    ///
    /// # Errors
    ///
    /// When the peer has closed.
    pub async fn get(&mut self, path: &str) -> io::Result<()> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).await
    }

    /// Reads one response, to a request with another method than `HEAD`.
    ///
    /// # Errors
    ///
    /// When it does not come whole.
    pub async fn response(&mut self) -> Result<Response, StreamEnd> {
        self.response_to(Method::Other).await
    }

    /// Reads one response to a request with that method.
    ///
    /// # Errors
    ///
    /// When it does not come whole.
    pub async fn response_to(&mut self, method: Method) -> Result<Response, StreamEnd> {
        let mut end = None;
        loop {
            if let Some(read) = take_response(&mut self.received, method, end) {
                return read;
            }
            end = self.more().await;
        }
    }

    /// Reads one response and the end of the stream behind it.
    ///
    /// # Errors
    ///
    /// When it does not come whole, or something else follows it than the end of the stream in order.
    pub async fn last_response(&mut self) -> Result<Response, StreamEnd> {
        let response = self.response().await?;
        let rest = self.rest().await;
        if rest.is_eof() && rest.received.is_empty() { Ok(response) } else { Err(rest) }
    }

    /// Reads until something has come, and returns how much has so far.
    ///
    /// # Errors
    ///
    /// When the stream ends before.
    pub async fn first_bytes(&mut self) -> Result<usize, StreamEnd> {
        while self.received.is_empty() {
            self.some_more().await?;
        }
        Ok(self.received.len())
    }

    /// Reads up to the first occurrence of some bytes and returns all up to its end.
    ///
    /// # Errors
    ///
    /// When the stream ends before.
    pub async fn read_until(&mut self, bytes: &[u8]) -> Result<Vec<u8>, StreamEnd> {
        loop {
            let found = self.received.windows(bytes.len().max(1)).position(|window| window == bytes);
            if let Some(at) = found {
                return Ok(self.received.drain(..at.saturating_add(bytes.len())).collect());
            }
            self.some_more().await?;
        }
    }

    /// Reads to the end of the stream.
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
            Err(_) => panic!("neither bytes nor an end for {LIMIT:?}, after {} bytes", self.received.len()),
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
    async fn each_response_is_read_once_and_what_follows_stays() {
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
    async fn behind_the_last_response_is_only_the_end() {
        for (behind, received) in [("", None), ("x", Some(b"x".to_vec()))] {
            let (near, mut far) = duplex(100);
            far.write_all(&[PONG, behind.as_bytes()].concat()).await.unwrap();
            drop(far);
            let rest = Client::new(near).last_response().await.err();
            assert_eq!(rest.map(|rest| rest.received), received);
        }
    }

    #[tokio::test]
    async fn what_came_of_a_response_is_told() {
        let (near, mut far) = duplex(100);
        let mut client = Client::new(near);
        far.write_all(&PONG[..PONG.len() - 1]).await.unwrap();
        assert_eq!(client.first_bytes().await.unwrap(), PONG.len() - 1);
        drop(far);
        let end = client.response().await.unwrap_err();
        assert_eq!(end, StreamEnd { received: PONG[..PONG.len() - 1].to_vec(), end: End::Eof });
    }

    #[tokio::test]
    async fn a_reset_is_told_from_an_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = Client::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        assert!(client.is_quiet());
        client.get("/ping").await.unwrap();
        // Bytes that nobody read: the kernel resets the connection.
        server.readable().await.unwrap();
        drop(server);
        assert!(client.rest().await.is_reset());
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "neither bytes nor an end for 60s, after 0 bytes")]
    async fn silence_is_not_waited_for_longer_than_a_minute() {
        let (near, _far) = duplex(100);
        let _ = Client::new(near).response().await;
    }
}

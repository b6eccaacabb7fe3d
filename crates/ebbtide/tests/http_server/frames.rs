//! An HTTP/2 client that sends and receives single frames: a test sees what is on the wire and decides what to answer.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::LONG;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The highest stream id (RFC 9113 §6.8): no stream is refused yet.
pub(crate) const HIGHEST: u32 = (1 << 31) - 1;

pub(crate) struct Frames {
    stream: TcpStream,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frames {
    /// Connects and exchanges the settings. `window` is how much each stream may send before the next WINDOW_UPDATE.
    pub(crate) async fn connect(addr: SocketAddr, window: u32) -> Self {
        Self::over(TcpStream::connect(addr).await.unwrap(), window).await
    }

    pub(crate) async fn over(mut stream: TcpStream, window: u32) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut frames = Self { stream };
        let [a, b, c, d] = window.to_be_bytes();
        frames.send(SETTINGS, 0, 0, &[0, 4, a, b, c, d]).await; // SETTINGS_INITIAL_WINDOW_SIZE
        frames.send(SETTINGS, ACK, 0, &[]).await;
        frames
    }

    /// Connects like [`connect`](Self::connect), with a receive buffer of this size.
    pub(crate) async fn connect_with(addr: SocketAddr, window: u32, buffer: u32) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(buffer).unwrap();
        Self::over(socket.connect(addr).await.unwrap(), window).await
    }

    /// Sends PINGs until its own receive buffer is full of acknowledgements, and the server's kernel has data that stays
    /// unacknowledged.
    pub(crate) async fn fill(&mut self) {
        loop {
            let before = self.waiting();
            for _ in 0..200 {
                self.send(PING, 0, 0, b"are you?").await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            if before > 0 && self.waiting() == before {
                return;
            }
        }
    }

    /// Returns the number of unread bytes.
    fn waiting(&self) -> usize {
        let mut bytes = vec![std::mem::MaybeUninit::uninit(); 1 << 20];
        socket2::SockRef::from(&self.stream).peek(&mut bytes).unwrap_or(0)
    }

    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags];
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// Starts `GET path` and ends the request.
    pub(crate) async fn get(&mut self, stream: u32, path: &str) {
        // HPACK (RFC 7541): two entries of the static table, then :path and :authority as literals.
        let mut head = vec![0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
        head.extend(path.as_bytes());
        head.extend([0x01, 4]);
        head.extend(b"test");
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, &head).await;
    }

    /// Starts `POST path` without its body.
    pub(crate) async fn post(&mut self, stream: u32, path: &str) {
        let mut head = vec![0x83, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
        head.extend(path.as_bytes());
        head.extend([0x01, 4]);
        head.extend(b"test");
        self.send(HEADERS, END_HEADERS, stream, &head).await;
    }

    /// Reads the next frame. Returns `None` at the end of the connection, also after a reset.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let read = async {
            let mut head = [0; 9];
            self.stream.read_exact(&mut head).await.ok()?;
            let [a, b, c, kind, flags, stream @ ..] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
            self.stream.read_exact(&mut payload).await.ok()?;
            Some(Frame { kind, flags, stream: u32::from_be_bytes(stream) & HIGHEST, payload })
        };
        tokio::time::timeout(LONG, read).await.expect("a frame or the end in time")
    }

    /// Reads up to the next frame of one of these kinds.
    pub(crate) async fn next_of(&mut self, kinds: &[u8]) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if kinds.contains(&frame.kind) {
                return Some(frame);
            }
        }
    }

    /// Reads the response on a stream to its end. Returns its body, or `None` if it is truncated.
    pub(crate) async fn body(&mut self, stream: u32) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let frame = self.next().await?;
            match frame.kind {
                RST_STREAM if frame.stream == stream => return None,
                DATA if frame.stream == stream => body.extend(&frame.payload),
                _ => {}
            }
            let ends = frame.kind == DATA || frame.kind == HEADERS;
            if frame.stream == stream && ends && frame.flags & END_STREAM != 0 {
                return Some(body);
            }
        }
    }

    /// Increases the windows of a stream and of the connection.
    pub(crate) async fn allow(&mut self, stream: u32, more: u32) {
        self.send(WINDOW_UPDATE, 0, stream, &more.to_be_bytes()).await;
        self.send(WINDOW_UPDATE, 0, 0, &more.to_be_bytes()).await;
    }
}

impl Frame {
    /// Returns the last stream id of a GOAWAY, and its error code.
    pub(crate) fn goes_away(&self) -> (u32, u32) {
        assert_eq!(self.kind, GOAWAY);
        let number = |at: usize| u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap());
        (number(0), number(4))
    }
}

//! A server under test, and a client that reports every outcome.

use std::io::BufRead;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ebbtide::drain::{Stop, StopSource, Work};
use ebbtide::http::{IntoListeners, Listener, ServeError, Server};
use ebbtide::model::Cause;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

pub(crate) use crate::clock::{PausedClock, settle};
pub(crate) use crate::seed::seed;

/// Long enough for anything that happens at all; nothing is measured with it.
pub(crate) const LONG: Duration = Duration::from_secs(60);

#[expect(clippy::disallowed_methods, reason = "the tests' own clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) struct Served {
    pub(crate) addr: SocketAddr,
    pub(crate) work: Arc<dyn Work>,
    announced: StopSource,
    stop: StopSource,
    task: JoinSet<Result<(), ServeError>>,
}

/// Starts a server for `router`, changed by `with`.
pub(crate) async fn serve(
    router: axum::Router,
    with: impl FnOnce(Server<axum::Router>) -> Server<axum::Router>,
) -> Served {
    serve_at("127.0.0.1:0", router, with).await
}

pub(crate) async fn serve_at(
    addr: &str,
    router: axum::Router,
    with: impl FnOnce(Server<axum::Router>) -> Server<axum::Router>,
) -> Served {
    let listener = Listener::bind(addr).await.unwrap();
    let addr = listener.local_addr().tcp().unwrap();
    serve_on(listener, addr, router, with)
}

/// Starts a server on any listeners; `addr` is for those that ask for one.
pub(crate) fn serve_on(
    listeners: impl IntoListeners,
    addr: SocketAddr,
    router: axum::Router,
    with: impl FnOnce(Server<axum::Router>) -> Server<axum::Router>,
) -> Served {
    let (announced, stop) = (StopSource::with_clock(now), StopSource::with_clock(now));
    let server = with(Server::new(router));
    let work = server.work();
    let mut task = JoinSet::new();
    task.spawn(server.serve(listeners, announced.token(), stop.token()));
    Served { addr, work, announced, stop, task }
}

impl Served {
    pub(crate) fn announce(&self) {
        self.announced.stop(cause(), None);
    }

    pub(crate) fn stop(&self) {
        self.announce();
        self.stop.stop(cause(), None);
    }

    /// Stops with a deadline, without cutting anything at it.
    pub(crate) fn stop_within(&self, time: Duration) {
        self.announce();
        self.stop.stop(cause(), Some(now() + time));
    }

    pub(crate) fn cut(&self) {
        self.stop.cancel();
    }

    /// Waits until the server has handled the stop: its TCP listener is closed, and each connection has seen that it drains.
    ///
    /// The connections are woken before the listener is closed; on a runtime with one thread they have run once that is seen.
    pub(crate) async fn draining(&self) {
        until(|| !is_listening(self.addr)).await;
        settle().await;
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.task.try_join_next().is_none()
    }

    /// Waits until the server has ended by itself.
    pub(crate) async fn ended(&mut self) {
        let ended = tokio::time::timeout(LONG, self.task.join_next()).await;
        ended
            .expect("the server ends")
            .expect("it was running")
            .expect("it does not panic")
            .expect("it serves");
    }

    /// Drops the server's future.
    pub(crate) async fn abandon(&mut self) {
        self.task.shutdown().await;
    }
}

pub(crate) fn cause() -> Cause {
    Cause::Requested { reason: "test".into() }
}

pub(crate) fn stop_source() -> StopSource {
    StopSource::with_clock(now)
}

pub(crate) fn ping() -> axum::Router {
    axum::Router::new().route("/ping", axum::routing::get(async || "pong"))
}

/// A `/slow` route that answers when the token stops.
pub(crate) fn slow(until: Stop) -> axum::Router {
    let handler = async move || {
        until.stopping().await;
        "slow pong"
    };
    ping().route("/slow", axum::routing::get(handler))
}

pub(crate) const PING: &[u8] = b"GET /ping HTTP/1.1\r\nHost: test\r\n\r\n";
pub(crate) const PING_CLOSE: &[u8] = b"GET /ping HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
pub(crate) const SLOW: &[u8] = b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n";

/// A client connection.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
    left: Vec<u8>,
}

/// A response with a known length, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }

    /// Tells whether the server's end of the stream has arrived.
    pub(crate) fn is_closed(&self) -> bool {
        let read = self.stream.try_read(&mut [0]);
        !matches!(read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, left: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Reads one response that has a `Content-Length`; `None` if it does not come whole.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        self.answer_to(false).await
    }

    pub(crate) async fn answer_to(&mut self, head_request: bool) -> Option<Answer> {
        tokio::time::timeout(LONG, async {
            let end = loop {
                if let Some(at) = self.left.windows(4).position(|window| window == b"\r\n\r\n") {
                    break at + 4;
                }
                self.more().await?;
            };
            let head = String::from_utf8(self.left.drain(..end).collect()).ok()?.to_ascii_lowercase();
            let length = head
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.split("\r\n").next()?.parse().ok());
            let length: usize = if head_request { 0 } else { length? };
            while self.left.len() < length {
                self.more().await?;
            }
            Some(Answer { head, body: self.left.drain(..length).collect() })
        })
        .await
        .expect("a response or its absence in time")
    }

    /// Reads to the end of the stream: the bytes, and the error if there was one.
    pub(crate) async fn rest(&mut self) -> (Vec<u8>, Option<std::io::Error>) {
        let end = async {
            loop {
                let mut buf = [0; 65536];
                match self.stream.read(&mut buf).await {
                    Ok(0) => return None,
                    Ok(read) => self.left.extend_from_slice(&buf[..read]),
                    Err(error) => return Some(error),
                }
            }
        };
        let error = tokio::time::timeout(LONG, end).await.expect("the stream ends");
        (std::mem::take(&mut self.left), error)
    }

    /// Reads up to the first occurrence of some bytes, and leaves what follows.
    pub(crate) async fn up_to(&mut self, bytes: &[u8]) {
        let read = async {
            loop {
                if let Some(at) = self.left.windows(bytes.len()).position(|window| window == bytes) {
                    self.left.drain(..at + bytes.len());
                    return;
                }
                self.more().await.expect("more, before the end");
            }
        };
        tokio::time::timeout(LONG, read).await.expect("the bytes come in time");
    }

    async fn more(&mut self) -> Option<()> {
        let mut buf = [0; 16384];
        match self.stream.read(&mut buf).await {
            Ok(0) | Err(_) => None,
            Ok(read) => {
                self.left.extend_from_slice(&buf[..read]);
                Some(())
            }
        }
    }
}

impl Answer {
    pub(crate) fn is_ok(&self) -> bool {
        self.head.starts_with("http/1.1 200") || self.head.starts_with("http/1.0 200")
    }

    pub(crate) fn closes(&self) -> bool {
        self.head.contains("\r\nconnection: close\r\n")
    }
}

/// Waits until a condition holds.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let began = now();
    for round in 0.. {
        if holds() {
            return;
        }
        assert!(began.elapsed() < LONG, "the condition never held");
        if round < 10 {
            tokio::task::yield_now().await;
        } else {
            // The runtime's own clock may be paused.
            let pause = || std::thread::sleep(Duration::from_millis(1));
            tokio::task::spawn_blocking(pause).await.expect("the pause ends");
        }
    }
}

/// Tells whether a TCP socket listens on the address.
pub(crate) fn is_listening(addr: SocketAddr) -> bool {
    const LISTEN: &str = "0A";
    let SocketAddr::V4(addr) = addr else { panic!("{addr} is not an IPv4 address") };
    let local = format!("{:08X}:{:04X}", u32::from_ne_bytes(addr.ip().octets()), addr.port());
    let table = std::fs::File::open("/proc/net/tcp").unwrap();
    let lines = std::io::BufReader::new(table).lines().map(Result::unwrap).skip(1);
    // Listening sockets come first; of the others there may be tens of thousands.
    lines
        .map(|line| line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>())
        .take_while(|fields| fields[2] == LISTEN)
        .any(|fields| fields[0] == local)
}

/// Waits until the server has taken every connection made so far.
pub(crate) async fn accepted(addr: SocketAddr) {
    let mut client = Client::connect(addr).await.unwrap();
    client.send(PING_CLOSE).await.unwrap();
    assert!(client.answer().await.unwrap().is_ok());
    let _ = client.rest().await;
}

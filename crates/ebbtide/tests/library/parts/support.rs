use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ebbtide::drain::StopSource;
use ebbtide::model::Cause;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// Long enough for anything that happens at all; nothing is measured with it.
pub(crate) const LONG: Duration = Duration::from_secs(20);

#[expect(clippy::disallowed_methods, reason = "the tests' own clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) fn source() -> StopSource {
    StopSource::with_clock(now)
}

pub(crate) fn cause() -> Cause {
    Cause::Requested { reason: "test".into() }
}

/// A signal for a server in somebody's own `main`.
pub(crate) fn signal() -> (oneshot::Sender<()>, impl Future<Output = ()> + Send + 'static) {
    let (send, receive) = oneshot::channel();
    (send, async move {
        let _ = receive.await;
    })
}

pub(crate) async fn connect(addr: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.expect("it listens");
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).await.unwrap();
    stream
}

/// Asks on a connection of its own, which it closes; returns the status and the body.
pub(crate) async fn get(addr: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    answer(stream).await
}

/// Reads an answer to the end of the connection.
pub(crate) async fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    let read = stream.read_to_string(&mut text);
    tokio::time::timeout(LONG, read).await.expect("the answer ends").expect("no reset");
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    (head[9..12].parse().unwrap(), body.to_owned())
}

/// Waits until something becomes true.
pub(crate) async fn until(mut true_: impl FnMut() -> bool) {
    let wait = async {
        while !true_() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.expect("it becomes true");
}

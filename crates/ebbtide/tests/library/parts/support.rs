use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ebbtide::drain::StopSource;
use ebbtide::model::Cause;
use ebbtide_http1::client::Client;
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

pub(crate) async fn connect(addr: SocketAddr, path: &str) -> Client {
    let mut client = Client::connect(addr).await.expect("it listens");
    client.get(path).await.unwrap();
    client
}

/// Asks on a connection of its own, which it closes; returns the status and the body.
pub(crate) async fn get(addr: SocketAddr, path: &str) -> (u16, String) {
    let mut client = Client::connect(addr).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    client.send(request.as_bytes()).await.unwrap();
    answer(client).await
}

/// Reads an answer to the end of the connection.
pub(crate) async fn answer(mut client: Client) -> (u16, String) {
    let answer = client.last_response().await.expect("it is whole");
    (answer.status, answer.text().into_owned())
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

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ebbtide::drain::StopSource;
use ebbtide::model::Cause;
use ebbtide_http1::client::Client;
use tokio::sync::oneshot;

/// A timeout for everything that must happen. Not for measurements.
pub(crate) const LONG: Duration = Duration::from_secs(20);

#[expect(clippy::disallowed_methods, reason = "the clock of the tests")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) fn source() -> StopSource {
    StopSource::with_clock(now)
}

pub(crate) fn cause() -> Cause {
    Cause::Requested { reason: "test".into() }
}

/// Returns a signal for a server in a program with its own `main`.
pub(crate) fn signal() -> (oneshot::Sender<()>, impl Future<Output = ()> + Send + 'static) {
    let (send, receive) = oneshot::channel();
    (send, async move {
        let _ = receive.await;
    })
}

pub(crate) async fn connect(addr: SocketAddr, path: &str) -> Client {
    let mut client = Client::connect(addr).await.expect("the server listens");
    client.get(path).await.unwrap();
    client
}

/// Sends a request on a new connection. Returns the status and the body.
pub(crate) async fn get(addr: SocketAddr, path: &str) -> (u16, String) {
    let mut client = Client::connect(addr).await.expect("the server listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    client.send(request.as_bytes()).await.unwrap();
    answer(client).await
}

/// Reads a response to the end of the connection.
pub(crate) async fn answer(mut client: Client) -> (u16, String) {
    let answer = client.last_response().await.expect("a complete response");
    (answer.status, answer.text().into_owned())
}

/// Waits until a condition holds.
pub(crate) async fn until(mut true_: impl FnMut() -> bool) {
    let wait = async {
        while !true_() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.expect("the condition holds");
}

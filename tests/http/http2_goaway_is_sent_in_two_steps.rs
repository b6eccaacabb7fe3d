//! HTTP/2 clients with many streams lose nothing: the GOAWAY is sent in two steps, and they reconnect.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "an unexpected result of a client fails its test; the figures are printed"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ebbtide_tests::{Served, service};
use h2::client::{ResponseFuture, SendRequest};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

const CLIENTS: usize = 20;
const STREAMS: usize = 10;
const STOPS: u64 = 10;

#[derive(Debug, Default)]
struct Count {
    answered: AtomicU64,
    lost: AtomicU64,
    /// The number of connections that ended.
    again: AtomicU64,
}

/// Sends requests on one stream after the other while the connection accepts new ones.
async fn ask(sender: SendRequest<Bytes>, count: Arc<Count>) {
    while let Ok(mut sender) = sender.clone().ready().await {
        let request = http::Request::get("http://test/short").body(()).expect("a request");
        // A rejected request was never sent: it is not lost, and goes to the next connection.
        let Ok((response, _)) = sender.send_request(request, true) else { return };
        let counter = if answer(response).await == Ok(true) { &count.answered } else { &count.lost };
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

/// Reads a response. Returns whether its body is as expected.
async fn answer(response: ResponseFuture) -> Result<bool, Option<h2::Reason>> {
    let reason = |error: h2::Error| error.reason();
    let mut body = response.await.map_err(reason)?.into_body();
    let mut read = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(reason)?;
        body.flow_control().release_capacity(data.len()).map_err(reason)?;
        read.extend(data);
    }
    Ok(read == b"done")
}

/// Opens a connection with many streams, and another one when it ends, until the server has exited: when the listener has
/// closed, no new connection is answered.
async fn client(addr: SocketAddr, count: Arc<Count>, mut gone: watch::Receiver<bool>) {
    loop {
        let stream = tokio::select! {
            stream = TcpStream::connect(addr) => stream,
            _ = gone.wait_for(|gone| *gone) => return,
        };
        let Ok(stream) = stream else { return };
        let _ = stream.set_nodelay(true);
        let Ok((sender, connection)) = h2::client::handshake(stream).await else { continue };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { drop(connection.await) });
        for _ in 0..STREAMS {
            tasks.spawn(ask(sender.clone(), Arc::clone(&count)));
        }
        drop(sender);
        tasks.join_all().await;
        count.again.fetch_add(1, Ordering::SeqCst);
    }
}

/// Stops a server repeatedly under the same load. Returns the numbers of answered and lost requests.
async fn stops(mode: &str) -> (u64, u64) {
    let (mut answered, mut lost) = (0, 0);
    for stop in 0..STOPS {
        let mut command = service("streams");
        command.arg(mode).env("EBBTIDE_GRACE", "10s").env("EBBTIDE_LAME_DUCK", "300ms/100ms/600ms");
        let mut served = Served::start(&mut command);
        let count = Arc::new(Count::default());
        let gone = watch::Sender::new(false);
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(client(served.addr, Arc::clone(&count), gone.subscribe()));
        }
        while count.answered.load(Ordering::SeqCst) < 1000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(700 * stop)).await;
        served.terminate();
        served.ended(Duration::from_secs(30)).await.code(0);
        gone.send_replace(true);
        clients.join_all().await;
        answered += count.answered.load(Ordering::SeqCst);
        lost += count.lost.load(Ordering::SeqCst);
        let again = count.again.load(Ordering::SeqCst);
        assert!(again >= CLIENTS as u64, "a connection has not ended");
    }
    println!("{mode}: {answered} answered, {lost} lost in {STOPS} stops");
    assert!(answered >= 1000 * STOPS);
    (answered, lost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_nothing_is_lost() {
    assert_eq!(stops("ebbtide").await.1, 0);
}

/// The opposite: a single GOAWAY with the last stream so far, then the close.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_single_goaway_the_same_clients_lose_requests() {
    assert!(stops("one-shot").await.1 > 0);
}

/// The opposite: the connections are dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_dropped_connections_the_same_clients_lose_requests() {
    assert!(stops("drop").await.1 > 0);
}

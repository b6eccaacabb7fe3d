//! HTTP/2 clients with many streams lose nothing: the GOAWAY is sent in two steps, and they reconnect.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a client that sees something else fails its test, and tells"
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
    /// How many connections were made after the first ones.
    again: AtomicU64,
}

/// Asks on one stream after the other, as long as the connection takes more.
async fn ask(sender: SendRequest<Bytes>, count: Arc<Count>) {
    while let Ok(mut sender) = sender.clone().ready().await {
        let request = http::Request::get("http://test/short").body(()).expect("a request");
        // Not taken, it was never sent: it is no loss, and goes to the next connection.
        let Ok((response, _)) = sender.send_request(request, true) else { return };
        let counter = if answer(response).await == Ok(true) { &count.answered } else { &count.lost };
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

/// Reads a response; tells whether it is the right one.
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

/// Opens a connection with many streams, and the next when it is told that this one ends, until the server is gone: from the close
/// of the listener on, no connection is answered.
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

/// Stops a server again and again under the same load. Returns how many requests were answered and lost.
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
        assert!(again >= CLIENTS as u64, "each connection came to its end");
    }
    println!("{mode}: {answered} answered, {lost} lost in {STOPS} stops");
    assert!(answered >= 1000 * STOPS);
    (answered, lost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_nothing_is_lost() {
    assert_eq!(stops("ebbtide").await.1, 0);
}

/// The opposite: one GOAWAY with the last stream so far, and the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_single_goaway_the_same_clients_lose_requests() {
    assert!(stops("one-shot").await.1 > 0);
}

/// The opposite: connections that are just dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_dropped_connections_the_same_clients_lose_requests() {
    assert!(stops("drop").await.1 > 0);
}

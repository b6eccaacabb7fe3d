//! Thousands of connections send their head slowly, byte by byte. Other clients are served, each slow one is disconnected at
//! its deadline, and they do not delay the shutdown.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ebbtide_http1::client::Client;
use ebbtide_tests::storm::{Clients, Storm};
use ebbtide_tests::{Served, raise_open_files};
use tokio::task::JoinSet;

const LONG: Duration = Duration::from_secs(30);
const SLOW: usize = 3000;
/// The timeout for a head.
const HEADER: Duration = Duration::from_secs(3);
/// The interval between the bytes of a slow client.
const PAUSE: Duration = Duration::from_millis(500);

/// Sends a head that never ends, byte by byte, until the server closes the connection.
async fn trickle(addr: SocketAddr, came: Arc<AtomicUsize>, open: Arc<AtomicUsize>) {
    let mut client = Client::connect(addr).await.expect("the server accepts");
    open.fetch_add(1, Ordering::SeqCst);
    came.fetch_add(1, Ordering::SeqCst);
    let head = b"GET /ping HTTP/1.1\r\nHost: test\r\nX-Long: ".iter().chain(std::iter::repeat(&b'x'));
    for byte in head {
        if client.send(&[*byte]).await.is_err() {
            break;
        }
        // Any data is the end: there is no request to answer.
        if tokio::time::timeout(PAUSE, client.rest()).await.is_ok() {
            break;
        }
    }
    open.fetch_sub(1, Ordering::SeqCst);
}

/// Starts the slow clients and waits until all are connected.
async fn slowloris(addr: SocketAddr) -> (JoinSet<()>, Arc<AtomicUsize>) {
    let files = raise_open_files().expect("the limit can be raised");
    assert!(files > SLOW as u64 + 500, "this needs {SLOW} open files and some: `ulimit -Hn` allows {files}");
    let (came, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut slow = JoinSet::new();
    for _ in 0..SLOW {
        slow.spawn(trickle(addr, Arc::clone(&came), Arc::clone(&open)));
    }
    until(&came, |came| came == SLOW).await;
    (slow, open)
}

async fn until(count: &AtomicUsize, true_: impl Fn(usize) -> bool) {
    let wait = async {
        while !true_(count.load(Ordering::SeqCst)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.expect("the count is reached in time");
}

fn shapes() -> Served {
    let header = HEADER.as_millis().to_string();
    Served::shapes(&["--header-ms", &header], "20s", "0s")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slowloris_clients_do_not_delay_the_shutdown_and_others_lose_nothing() {
    let mut served = shapes();
    let (slow, _open) = slowloris(served.addr).await;
    let mut storm = Storm::begin(Clients::kept(served.addr, 32));
    storm.is_up().await.expect("other clients are served");
    tokio::time::sleep(PAUSE).await;
    served.terminate();
    // If they delayed the shutdown to its deadline, they would be cancelled there: code 3.
    served.ended(LONG).await.code(0);
    let tally = storm.gone().await.expect("no resource ran out");
    assert_eq!(tally.lost, 0, "{tally}");
    assert!(tally.answered > 32, "other clients were served once: {tally}");
    slow.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_slowloris_client_is_disconnected_at_its_deadline_while_the_server_serves() {
    let mut served = shapes();
    let (slow, open) = slowloris(served.addr).await;
    until(&open, |open| open == 0).await;
    slow.join_all().await;
    served.terminate();
    served.ended(LONG).await.code(0);
}

/// The opposite: a plain axum server waits as long as they send.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_axum_server_is_blocked_by_slowloris_clients() {
    let mut served = Served::peer();
    let (mut slow, open) = slowloris(served.addr).await;
    tokio::time::sleep(PAUSE * 2).await;
    served.terminate();
    assert!(served.ended_or_not(HEADER * 2).await.is_none(), "the process exited");
    assert!(open.load(Ordering::SeqCst) > SLOW * 9 / 10, "most slow clients were disconnected");
    slow.abort_all();
}

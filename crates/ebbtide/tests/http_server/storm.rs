//! Clients that open a new connection for each request, as fast as they can, while the server closes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ebbtide::http::{CloseMode, Server};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::support::{Client, LONG, PING_CLOSE, ping, serve_at, until};

const CLIENTS: usize = 64;
const CLOSES: u64 = 20;

#[derive(Debug, Default)]
struct Count {
    answered: AtomicU64,
    lost: AtomicU64,
    gone: AtomicBool,
    wake: Notify,
}

impl Count {
    fn end(&self) {
        self.gone.store(true, Ordering::SeqCst);
        self.wake.notify_waiters();
    }

    /// Waits until the server has exited. A connect that is still pending then never completed, and would be refused after a
    /// second.
    async fn gone(&self) {
        loop {
            let wake = self.wake.notified();
            if self.gone.load(Ordering::SeqCst) {
                return;
            }
            wake.await;
        }
    }
}

async fn client(addr: SocketAddr, count: Arc<Count>) {
    loop {
        let mut client = tokio::select! {
            biased;
            client = Client::connect(addr) => match client {
                Ok(client) => client,
                Err(_) => return,
            },
            () = count.gone() => return,
        };
        // From here on the handshake is done: any result other than a response is a loss.
        let sent = client.send(PING_CLOSE).await;
        let answer = client.last_response().await;
        let whole = sent.is_ok() && answer.as_ref().is_ok_and(|answer| answer.body == b"pong");
        if !whole {
            println!("lost: {sent:?}, then {answer:?}");
        }
        let counter = if whole { &count.answered } else { &count.lost };
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

/// Returns how many were answered and how many lost.
async fn storms(addr: &str, mode: CloseMode) -> (u64, u64) {
    let (mut answered, mut lost) = (0, 0);
    for round in 0..CLOSES {
        // On a busy machine a client may be slow to send its request.
        let settings = |server: Server<_>| server.close_mode(mode).first_byte_grace(LONG);
        let mut served = serve_at(addr, ping(), settings).await;
        let count = Arc::new(Count::default());
        let mut clients = JoinSet::new();
        let to = SocketAddr::new(
            if served.addr.ip().is_unspecified() { [127, 0, 0, 1].into() } else { served.addr.ip() },
            served.addr.port(),
        );
        for _ in 0..CLIENTS {
            clients.spawn(client(to, Arc::clone(&count)));
        }
        until(|| count.answered.load(Ordering::SeqCst) >= CLIENTS as u64).await;
        // The time differs in each round.
        tokio::time::sleep(Duration::from_micros(713 * round)).await;
        served.stop();
        served.ended().await;
        count.end();
        clients.join_all().await;
        assert_eq!(served.work.cancelled(), 0);
        answered += count.answered.load(Ordering::SeqCst);
        lost += count.lost.load(Ordering::SeqCst);
    }
    assert!(answered >= CLOSES * CLIENTS as u64, "enough requests were answered: {answered}");
    println!("{addr} {mode:?}: {answered} answered, {lost} lost in {CLOSES} closes");
    (answered, lost)
}

/// Returns the losses with the SYN filter, or zero without CAP_NET_ADMIN, which the filter needs.
async fn filtered(addr: &str) -> u64 {
    if !may_filter() {
        println!("{addr} SynFilter: not shown, this process has no CAP_NET_ADMIN");
        return 0;
    }
    storms(addr, CloseMode::SynFilter).await.1
}

fn may_filter() -> bool {
    const CAP_NET_ADMIN: u64 = 1 << 12;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let held = status.split("CapEff:\t").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    u64::from_str_radix(held, 16).unwrap() & CAP_NET_ADMIN != 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_new_connections_loses_nothing() {
    assert_eq!(storms("127.0.0.1:0", CloseMode::Lossless).await.1, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_new_connections_loses_nothing_with_the_syn_filter() {
    assert_eq!(filtered("127.0.0.1:0").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_new_connections_loses_nothing_with_the_hop_limit() {
    assert_eq!(storms("127.0.0.1:0", CloseMode::HopLimit).await.1, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_new_connections_loses_nothing_over_ipv6() {
    assert_eq!(filtered("[::1]:0").await, 0);
    assert_eq!(storms("[::1]:0", CloseMode::HopLimit).await.1, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_new_connections_loses_nothing_over_ipv4_on_a_dual_stack_socket() {
    assert_eq!(filtered("[::]:0").await, 0);
    assert_eq!(storms("[::]:0", CloseMode::HopLimit).await.1, 0);
}

/// The opposite: without the mechanism the same load loses requests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abrupt_close_loses_requests_in_the_same_storm() {
    assert!(storms("127.0.0.1:0", CloseMode::Abrupt).await.1 > 0);
}

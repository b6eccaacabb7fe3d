//! The number of connections at once, and what waits in the kernel's queue meanwhile.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use ebbtide::http::Server;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::{Client, LONG, PING, PING_CLOSE, SLOW, Served, serve, slow, stop_source, until};

const CLIENTS: usize = 8;

/// The requests that were in a handler at once, and the most there ever were.
#[derive(Default)]
struct Handlers {
    entered: AtomicUsize,
    running: AtomicUsize,
    most: AtomicUsize,
}

fn at_most(limit: usize) -> impl FnOnce(Server<Router>) -> Server<Router> {
    move |server| server.max_connections(NonZeroUsize::new(limit).unwrap()).header_timeout(LONG)
}

/// A `/ping` that waits for a permit each.
fn gated(gate: &Arc<Semaphore>, handlers: &Arc<Handlers>) -> Router {
    let (gate, handlers) = (Arc::clone(gate), Arc::clone(handlers));
    let handler = async move || {
        handlers.entered.fetch_add(1, Ordering::SeqCst);
        let running = handlers.running.fetch_add(1, Ordering::SeqCst) + 1;
        handlers.most.fetch_max(running, Ordering::SeqCst);
        gate.acquire().await.unwrap().forget();
        handlers.running.fetch_sub(1, Ordering::SeqCst);
        "pong"
    };
    Router::new().route("/ping", get(handler))
}

fn clients(served: &Served) -> JoinSet<bool> {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let addr = served.addr;
        clients.spawn(async move {
            let mut client = Client::connect(addr).await.unwrap();
            client.send(PING_CLOSE).await.unwrap();
            client.answer().await.is_some()
        });
    }
    clients
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_in_the_queue_and_are_served_in_turn() {
    let (gate, handlers) = (Arc::new(Semaphore::new(0)), Arc::new(Handlers::default()));
    let served = serve(gated(&gate, &handlers), at_most(2)).await;
    let clients = clients(&served);
    for entered in 2..=CLIENTS {
        until(|| handlers.entered.load(Ordering::SeqCst) == entered).await;
        gate.add_permits(1);
    }
    gate.add_permits(2);
    assert!(clients.join_all().await.into_iter().all(|answered| answered));
    assert_eq!(handlers.most.load(Ordering::SeqCst), 2);
}

/// The opposite.
#[tokio::test]
async fn without_a_limit_all_are_served_at_once() {
    let (gate, handlers) = (Arc::new(Semaphore::new(0)), Arc::new(Handlers::default()));
    let served = serve(gated(&gate, &handlers), |server| server).await;
    let clients = clients(&served);
    until(|| handlers.running.load(Ordering::SeqCst) == CLIENTS).await;
    gate.add_permits(CLIENTS);
    assert!(clients.join_all().await.into_iter().all(|answered| answered));
}

#[tokio::test]
async fn when_the_server_drains_what_waits_for_a_place_is_served() {
    let release = stop_source();
    let mut served = serve(slow(release.token()), at_most(1)).await;
    let mut busy = Client::connect(served.addr).await.unwrap();
    busy.send(SLOW).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(served.addr).await.unwrap();
        client.send(PING).await.unwrap();
        waiting.push(client);
    }
    served.stop();
    for client in &mut waiting {
        assert!(client.answer().await.is_some(), "it was in the queue at the stop");
    }
    assert_eq!(served.work.in_flight(), 1, "the first is still at it");
    release.cancel();
    assert!(busy.answer().await.is_some());
    served.ended().await;
    assert_eq!(served.work.counts().finished, 4);
}

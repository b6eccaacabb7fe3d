//! The announcements are spread over the lame duck, so that not all clients come back in the same instant.

use std::time::Duration;

use ebbtide::{LameDuck, Lifecycle};
use tokio::task::JoinSet;

use crate::frames::{Frames, GOAWAY};
use crate::support::{Client, LONG, PING, now, ping, serve};

const CLIENTS: usize = 40;

/// Asks until it is told to come back elsewhere.
async fn until_told(mut client: Client) {
    loop {
        client.send(PING).await.unwrap();
        if client.answer().await.expect("an answer").closes() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Returns when the clients are told, in milliseconds from the signal.
async fn told(http2: bool, spread: Duration) -> Vec<u128> {
    let mut served = serve(ping(), |server| server.announce_over(spread)).await;
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        if http2 {
            let mut frames = Frames::connect(served.addr, 65_535).await;
            frames.get(1, "/ping").await;
            assert!(frames.body(1).await.is_some());
            clients.spawn(async move { assert!(frames.next_of(&[GOAWAY]).await.is_some()) });
        } else {
            let mut client = Client::connect(served.addr).await.unwrap();
            client.send(PING).await.unwrap();
            assert!(!client.answer().await.expect("an answer").closes());
            clients.spawn(until_told(client));
        }
    }
    let begun = now();
    served.announce();
    let mut told = Vec::new();
    while let Some(one) = clients.join_next().await {
        one.unwrap();
        told.push(begun.elapsed().as_millis());
    }
    served.stop();
    served.ended().await;
    told
}

#[tokio::test]
async fn each_connection_is_told_at_an_instant_of_its_own() {
    for http2 in [false, true] {
        let told = told(http2, Duration::from_millis(1200)).await;
        // In each third of the time about a third of them. A busy machine is late, never early.
        let early = told.iter().filter(|at| **at < 400).count();
        let late = told.iter().filter(|at| **at >= 800).count();
        assert!((4..=16).contains(&early), "{told:?}");
        assert!(late >= 10, "{told:?}");
    }
}

/// The opposite: all at once.
#[tokio::test]
async fn without_a_spread_all_are_told_at_the_signal() {
    for http2 in [false, true] {
        let told = told(http2, Duration::ZERO).await;
        let late = told.iter().filter(|at| **at >= 800).count();
        assert!(late < 10, "{told:?}");
    }
}

#[tokio::test]
async fn when_the_lame_duck_is_over_whoever_asks_is_told() {
    let mut served = serve(ping(), |server| server.announce_over(LONG * 1000)).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::connect(served.addr).await.unwrap());
    }
    served.announce();
    let mut told = 0;
    for client in &mut clients {
        client.send(PING).await.unwrap();
        told += usize::from(client.answer().await.expect("an answer").closes());
    }
    assert!(told <= 1, "the first connection's instant is the signal's: {told}");
    served.stop();
    for client in clients.iter_mut().skip(told) {
        client.send(PING).await.unwrap();
        assert!(client.answer().await.expect("an answer").closes());
    }
    drop(clients);
    served.ended().await;
}

/// How many of ten connections are told in the very beginning of a lame duck.
fn told_at_once(lame_duck: LameDuck, with: Option<Duration>) -> usize {
    let mut client = None;
    let report = Lifecycle::new("test")
        .lame_duck(lame_duck)
        .run_to_report(async |life| {
            let listener = life.bind("127.0.0.1:0").await?;
            let addr = listener.local_addr().tcp().unwrap();
            let server = ebbtide::http::Server::new(ping());
            let server = if let Some(spread) = with { server.announce_over(spread) } else { server };
            life.http_server("api", listener, server);
            let life = life.clone();
            let asks = async move {
                life.reached(ebbtide::Phase::Ready).await;
                let mut clients = Vec::new();
                for _ in 0..10 {
                    clients.push(Client::connect(addr).await.unwrap());
                }
                for client in &mut clients {
                    client.send(PING).await.unwrap();
                    assert!(!client.answer().await.expect("an answer").closes());
                }
                life.stop("test");
                life.stop_token().stopping().await;
                let mut told = 0;
                for client in &mut clients {
                    client.send(PING).await.unwrap();
                    told += usize::from(client.answer().await.expect("an answer").closes());
                }
                told
            };
            client = Some(std::thread::Builder::new().spawn(move || {
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(asks)
            })?);
            Ok(())
        })
        .expect("it starts");
    assert_eq!(report.exit_code, 0, "{report:?}");
    client.unwrap().join().expect("the client saw what it should")
}

#[test]
fn a_lifecycle_spreads_them_over_half_of_its_lame_duck() {
    let lame_duck = LameDuck {
        min: Duration::from_secs(6),
        quiet: Duration::from_millis(100),
        max: Duration::from_secs(6),
    };
    assert!(told_at_once(lame_duck, None) < 5);
    assert_eq!(told_at_once(lame_duck, Some(Duration::ZERO)), 10);
}

//! Requests that were sent behind another one before the signal are all answered.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::time::Duration;

use ebbtide_e2e::{Client, Served};

const LONG: Duration = Duration::from_secs(20);
const CLIENTS: usize = 50;
const BEHIND: usize = 10;

/// What a client sends at once: a slow request, and ten more behind it.
fn without_bodies() -> String {
    let slow = "GET /slow?ms=700 HTTP/1.1\r\nHost: test\r\n\r\n";
    let behind = "GET /ping HTTP/1.1\r\nHost: test\r\n\r\n";
    format!("{slow}{}", behind.repeat(BEHIND))
}

/// The same with bodies in chunks, the end of each of which looks like that of all others.
fn in_chunks() -> String {
    let chunked = "HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
    let behind = format!("POST /upload {chunked}");
    format!("POST /slow?ms=700 {chunked}{}", behind.repeat(BEHIND))
}

/// Stops a server while each client has sent its requests; returns how many were answered.
async fn answered(mut served: Served, requests: &str) -> usize {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = Client::connect(served.addr).await.expect("it listens");
        client.send(requests.as_bytes()).await.expect("it reads");
        clients.push(client);
    }
    // Accepted behind them: when it is answered, they have been read.
    let mut last = Client::connect(served.addr).await.expect("it listens");
    last.get("/ping").await.expect("it reads");
    last.answer().await.expect("an answer");
    served.terminate();
    let mut answered = 0;
    for client in &mut clients {
        while let Ok(answer) = client.answer().await {
            assert!(answer.is_ok(), "{answer:?}");
            answered += 1;
            if answer.closes() {
                break;
            }
        }
    }
    drop(clients);
    served.ended(LONG).await.code(0);
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_them_during_the_lame_duck_and_after_it() {
    for lame_duck in ["0s", "2s"] {
        for requests in [without_bodies(), in_chunks()] {
            let served = Served::shapes(&[], "20s", lame_duck);
            let answered = answered(served, &requests).await;
            assert_eq!(answered, CLIENTS * (1 + BEHIND), "lame duck of {lame_duck}: {requests}");
        }
    }
}

/// The opposite: the peer answers the first, and drops the others, which it has received.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_axum_server_drops_those_behind() {
    let answered = answered(Served::peer(), &without_bodies()).await;
    assert!(answered < CLIENTS * (1 + BEHIND), "{answered} were answered");
}

//! A request that is on its way to an idle keep-alive connection is answered, although the stop comes first.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::time::Duration;

use ebbtide_e2e::storm::{Clients, Storm, Tally};
use ebbtide_e2e::{Client, Served};
use rustix::process::Signal;

const LONG: Duration = Duration::from_secs(20);

/// Stops a server with idle connections on which a request waits unread: it sleeps while the requests and the signal come.
/// Returns how many were answered.
async fn answered(mut served: Served, count: usize) -> usize {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = Client::connect(served.addr).await.expect("it listens");
        client.get("/ping").await.expect("a request leaves");
        assert!(!client.answer().await.expect("an answer").closes());
        clients.push(client);
    }
    served.process.signal(Signal::STOP);
    for client in &mut clients {
        client.get("/ping").await.expect("a request leaves");
    }
    served.terminate();
    served.process.signal(Signal::CONT);
    let mut answered = 0;
    for client in &mut clients {
        answered +=
            usize::from(client.answer().await.is_ok_and(|answer| answer.is_ok() && answer.body == b"pong"));
    }
    drop(clients);
    served.ended(LONG).await.code(0);
    answered
}

/// Stops a server under keep-alive clients, and counts.
async fn stopped(mut served: Served, round: u64) -> Tally {
    let mut storm = Storm::begin(Clients::kept(served.addr, 200));
    storm.is_up().await.expect("it serves");
    // The moment differs from round to round.
    tokio::time::sleep(Duration::from_millis(7 * round)).await;
    served.terminate();
    served.ended(LONG).await.code(0);
    storm.gone().await.expect("nothing was short")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_was_received_and_not_read_is_answered() {
    for lame_duck in ["0s", "500ms"] {
        let served = Served::shapes(&[], "20s", lame_duck);
        assert_eq!(answered(served, 300).await, 300, "lame duck of {lame_duck}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_think_between_requests_lose_nothing() {
    for round in 0..6 {
        let lame_duck = if round % 2 == 0 { "0s" } else { "200ms" };
        let tally = stopped(Served::shapes(&[], "20s", lame_duck), round).await;
        assert_eq!(tally.lost, 0, "round {round}: {tally}");
        assert!(tally.answered > 400, "there was a load: {tally}");
    }
}

/// The opposite, twice: idle connections closed at once, and by a peer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_close_loses_them() {
    let abrupt = || Served::shapes(&["--close", "abrupt"], "20s", "0s");
    let peer = || Served::peer();
    for start in [&abrupt as &dyn Fn() -> Served, &peer] {
        // In a single stop the requests may all be read before the signal is.
        let (mut waiting, mut sum) = (0, Tally::default());
        for round in 0..6 {
            waiting += answered(start(), 300).await;
            sum += &stopped(start(), round).await;
        }
        assert!(waiting < 6 * 300, "closed at once, and yet every request that waited was answered");
        assert!(sum.lost > 0, "{sum}");
    }
}

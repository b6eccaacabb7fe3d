//! A request in transit on an idle keep-alive connection is answered, even if the stop signal comes first.
//!
//! Ten thousand idle connections at the signal: all end in order, those in use at the signal lose nothing, and the process exits in
//! time.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a helper that fails fails its test; the figures are shown"
)]

use std::time::Duration;

use ebbtide_http1::End;
use ebbtide_http1::client::Client;
use ebbtide_tests::storm::{Clients, Storm, Tally};
use ebbtide_tests::{Served, raise_open_files};
use rustix::process::Signal;

const LONG: Duration = Duration::from_secs(20);

/// Stops a server with idle connections on which a request waits unread: it sleeps while the requests and the signal come.
/// Returns how many were answered.
async fn answered(mut served: Served, count: usize) -> usize {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = Client::connect(served.addr).await.expect("it listens");
        client.get("/ping").await.expect("a request leaves");
        assert!(!client.response().await.expect("an answer").closes);
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
            usize::from(client.response().await.is_ok_and(|answer| answer.is_ok() && answer.body == b"pong"));
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
async fn a_plain_close_loses_requests_of_idle_connections() {
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

// Ten thousand of them.

/// From the signal to the end of the process: what a grace period of 30 s leaves.
const IN_TIME: Duration = Duration::from_secs(25);

/// The number of connections with each outcome.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ends {
    /// Ended in order.
    fin: usize,
    /// Reset.
    reset: usize,
    /// Requests that came right behind the signal, and their answers.
    asked: usize,
    answered: usize,
}

/// Opens `count` connections, the first half of which never sends anything; stops the server while some clients are busy,
/// and uses every hundredth idle connection right then.
async fn stopped_with_idle(mut served: Served, count: usize) -> Ends {
    let files = raise_open_files().expect("the limit can be raised");
    assert!(
        files > count as u64 + 500,
        "this needs {count} open files and some: `ulimit -Hn` allows {files}"
    );
    let mut idle = Vec::new();
    for number in 0..count {
        let mut client = Client::connect(served.addr).await.expect("it listens");
        if number >= count / 2 {
            client.get("/ping").await.expect("it reads");
            assert!(client.response().await.expect("an answer").is_ok());
        }
        idle.push(client);
    }
    let mut storm = Storm::begin(Clients::kept(served.addr, 16));
    storm.is_up().await.expect("it serves");
    let mut ends = Ends::default();
    // They are sent before the server can close anything, and reach it with the signal.
    served.process.signal(Signal::STOP);
    for client in idle.iter_mut().step_by(100) {
        ends.asked += 1;
        client.get("/ping").await.expect("the kernel takes it");
    }
    served.terminate();
    served.process.signal(Signal::CONT);
    let stop = async {
        for (number, mut client) in idle.into_iter().enumerate() {
            if number % 100 == 0 {
                ends.answered += usize::from(client.response().await.is_ok_and(|answer| answer.is_ok()));
            }
            match client.rest().await.end {
                End::Eof => ends.fin += 1,
                End::Error(_) | End::Malformed => ends.reset += 1,
            }
        }
        (ends, served.ended(IN_TIME).await)
    };
    let (mut ends, ended) = tokio::time::timeout(IN_TIME, stop).await.expect("it ends in time");
    ended.code(0);
    let tally = storm.gone().await.expect("nothing was short");
    println!("{ends:?}; {tally}; gone {:?} after the last of them", ended.after);
    assert!(tally.answered >= 16, "there was a load: {tally}");
    ends.asked += (tally.answered + tally.lost) as usize;
    ends.answered += tally.answered as usize;
    ends
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_end_in_order_and_no_request_is_lost() {
    let ends = stopped_with_idle(Served::shapes(&[], "30s", "0s"), 10_000).await;
    assert_eq!((ends.fin, ends.reset), (10_000, 0), "{ends:?}");
    assert_eq!(ends.answered, ends.asked, "{ends:?}");
}

/// The opposite: a plain axum server ends them as well, and drops requests that arrive at the signal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_axum_server_drops_requests_that_arrive_at_the_close() {
    let ends = stopped_with_idle(Served::peer(), 2_000).await;
    assert!(ends.answered < ends.asked, "{ends:?}");
}

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

/// Stops a server with an unread request on each idle connection: it is suspended while the requests and, `later`, the signal
/// arrive. Returns the number of answered requests.
async fn answered(mut served: Served, count: usize, later: Duration) -> usize {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = Client::connect(served.addr).await.expect("the server accepts");
        client.get("/ping").await.expect("the request is sent");
        assert!(!client.response().await.expect("an answer").closes);
        clients.push(client);
    }
    served.process.signal(Signal::STOP);
    for client in &mut clients {
        client.get("/ping").await.expect("the request is sent");
    }
    tokio::time::sleep(later).await;
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

/// Stops a server under keep-alive clients, and returns their tally.
async fn stopped(mut served: Served, round: u64) -> Tally {
    let mut storm = Storm::begin(Clients::kept(served.addr, 200));
    storm.is_up().await.expect("the server responds");
    // The time differs from round to round.
    tokio::time::sleep(Duration::from_millis(7 * round)).await;
    served.terminate();
    served.ended(LONG).await.code(0);
    storm.gone().await.expect("no resource ran out")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_was_received_and_not_read_is_answered() {
    // The last is longer than `idle_quiet`: the connections count as quiet, and only the unread bytes prevent the close.
    for (lame_duck, later) in [("0s", 0), ("500ms", 0), ("0s", 1500)] {
        let served = Served::shapes(&[], "20s", lame_duck);
        let answered = answered(served, 300, Duration::from_millis(later)).await;
        assert_eq!(answered, 300, "lame duck of {lame_duck}, signal after {later} ms");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_think_between_requests_lose_nothing() {
    for round in 0..6 {
        let lame_duck = if round % 2 == 0 { "0s" } else { "200ms" };
        let tally = stopped(Served::shapes(&[], "20s", lame_duck), round).await;
        assert_eq!(tally.lost, 0, "round {round}: {tally}");
        assert!(tally.answered > 400, "too little load: {tally}");
    }
}

/// The opposite, twice: an abrupt close of idle connections, and a plain axum server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_close_loses_requests_of_idle_connections() {
    let abrupt = || Served::shapes(&["--close", "abrupt"], "20s", "0s");
    let peer = || Served::peer();
    for start in [&abrupt as &dyn Fn() -> Served, &peer] {
        // In a single stop, all requests may be read before the signal.
        let (mut waiting, mut sum) = (0, Tally::default());
        for round in 0..6 {
            waiting += answered(start(), 300, Duration::ZERO).await;
            sum += &stopped(start(), round).await;
        }
        assert!(waiting < 6 * 300, "every waiting request was answered despite the abrupt close");
        assert!(sum.lost > 0, "{sum}");
    }
}

// Ten thousand idle connections.

/// The limit from the signal to the exit with a grace period of 30 s.
const IN_TIME: Duration = Duration::from_secs(25);

/// The number of connections with each outcome.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ends {
    /// Connections that were closed in order.
    fin: usize,
    /// Connections that were reset.
    reset: usize,
    /// Requests that arrived with the signal, and their responses.
    asked: usize,
    answered: usize,
}

/// Opens `count` connections, half of which never send anything. Stops the server while some clients are busy, and sends a
/// request on every hundredth idle connection at the same time.
async fn stopped_with_idle(mut served: Served, count: usize) -> Ends {
    let files = raise_open_files().expect("the limit can be raised");
    assert!(
        files > count as u64 + 500,
        "this needs {count} open files and some: `ulimit -Hn` allows {files}"
    );
    let mut idle = Vec::new();
    for number in 0..count {
        let mut client = Client::connect(served.addr).await.expect("the server accepts");
        if number >= count / 2 {
            client.get("/ping").await.expect("the request is sent");
            assert!(client.response().await.expect("an answer").is_ok());
        }
        idle.push(client);
    }
    let mut storm = Storm::begin(Clients::kept(served.addr, 16));
    storm.is_up().await.expect("the server responds");
    let mut ends = Ends::default();
    // The requests are sent while the server is suspended, and reach it together with the signal.
    served.process.signal(Signal::STOP);
    for client in idle.iter_mut().step_by(100) {
        ends.asked += 1;
        client.get("/ping").await.expect("the request is sent");
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
    let (mut ends, ended) = tokio::time::timeout(IN_TIME, stop).await.expect("the process exits in time");
    ended.code(0);
    let tally = storm.gone().await.expect("no resource ran out");
    println!("{ends:?}; {tally}; exited {:?} after the last of them", ended.after);
    assert!(tally.answered >= 16, "too little load: {tally}");
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

/// The opposite: a plain axum server closes the connections too, and drops requests that arrive at the signal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_axum_server_drops_requests_that_arrive_at_the_close() {
    let ends = stopped_with_idle(Served::peer(), 2_000).await;
    assert!(ends.answered < ends.asked, "{ends:?}");
}

//! Connections that the kernel completed and nobody has accepted are served, although the stop comes first.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::time::Duration;

use ebbtide_e2e::{Client, Served};
use rustix::process::Signal;

const LONG: Duration = Duration::from_secs(20);

/// Stops a server whose accept queue is full: it sleeps while the connections, the requests and the signal come. Returns how
/// many were answered.
async fn answered(mut served: Served, count: usize) -> usize {
    served.process.signal(Signal::STOP);
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = Client::connect(served.addr).await.expect("the queue has room");
        client.get("/ping").await.expect("a request leaves");
        clients.push(client);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_lame_duck_and_without_one() {
    for lame_duck in ["0s", "500ms"] {
        let served = Served::shapes(&[], "20s", lame_duck);
        assert_eq!(answered(served, 1000).await, 1000, "lame duck of {lame_duck}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_each_way_to_hold_new_connections_back() {
    for close in ["syn-filter", "hop-limit", "backlog"] {
        let served = Served::shapes(&["--close", close], "20s", "0s");
        assert_eq!(answered(served, 300).await, 300, "{close}");
    }
}

/// The opposite, twice: closed at once, and by a peer, whose queue has room for no more than a hundred or so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_close_resets_them() {
    let abrupt = || Served::shapes(&["--close", "abrupt"], "20s", "0s");
    let peer = || Served::peer();
    for (start, count) in [(&abrupt as &dyn Fn() -> Served, 1000), (&peer, 100)] {
        let mut lost = 0;
        for _ in 0..5 {
            lost += count - answered(start(), count).await;
        }
        assert!(lost > 0, "nothing was lost of {count} connections in five stops");
    }
}

//! Server-sent events end between two events, when the lame duck is over, and say when to come back; they hold nobody.
#![expect(clippy::expect_used, reason = "a client that sees something else fails its test")]

use std::collections::BTreeSet;
use std::time::Duration;

use ebbtide_e2e::{Client, Cut, End, Served, service, streams};
use tokio::task::JoinSet;

const CLIENTS: usize = 48;
const GRACE: Duration = Duration::from_secs(6);

fn start(mode: &str) -> Served {
    let mut command = service("streams");
    command.arg(mode).env("EBBTIDE_GRACE", "6s").env("EBBTIDE_LAME_DUCK", "300ms");
    let served = Served::start(&mut command);
    if mode != "axum" {
        served.process.says("phase=ready");
    }
    served
}

/// Asks over HTTP/1.0, where the end of the connection is the end of the body, so that only a reset tells half from whole.
async fn listen(client: &mut Client, path: &str) {
    client.send(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.expect("it reads");
    client.begun().await;
}

/// Stops a server to which many are listening, at a moment that differs from stop to stop.
async fn stop_under_listeners(mode: &str, path: &'static str, moment: u64) -> (Served, JoinSet<Cut>) {
    let served = start(mode);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let mut client = Client::connect(served.addr).await.expect("it listens");
        listen(&mut client, path).await;
        clients.spawn(async move { client.rest().await });
    }
    tokio::time::sleep(Duration::from_micros(700 * moment)).await;
    served.terminate();
    (served, clients)
}

/// The body, if it ended in order.
fn body(seen: &Cut) -> Option<String> {
    let text = String::from_utf8_lossy(&seen.read);
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    body.filter(|_| seen.end == End::Fin)
}

/// The number in the last event, if the body consists of whole events.
fn wait_of(body: &str) -> Option<u64> {
    let (events, wait) = body.rsplit_once("retry: ")?;
    let whole = events.split_inclusive("\n\n").all(|event| event == "event: tick\ndata: one event\n\n");
    wait.strip_suffix("\n\n").filter(|_| whole)?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stream_ends_with_a_whole_event_and_says_when_to_come_back() {
    for moment in 0..8 {
        let (mut served, clients) = stop_under_listeners("ebbtide", "/events", moment).await;
        // Streams that held the stop would be cut at its deadline: code 3.
        served.ended(Duration::from_secs(20)).await.code(0);
        let mut waits = BTreeSet::new();
        for seen in clients.join_all().await {
            let body = body(&seen).expect("it ends in order");
            waits.insert(wait_of(&body).expect("whole events, and when to come back"));
        }
        let between = streams::LEAST_WAIT.as_millis() as u64..=streams::LONGEST_WAIT.as_millis() as u64;
        assert!(waits.iter().all(|wait| between.contains(wait)), "{waits:?}");
        assert!(waits.len() > CLIENTS / 2, "they don't all come back at once: {waits:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_silent_between_two_events_ends_too() {
    let (mut served, clients) = stop_under_listeners("ebbtide", "/late", 0).await;
    served.ended(Duration::from_secs(20)).await.code(0);
    for seen in clients.join_all().await {
        let body = body(&seen).expect("it ends in order");
        assert!(body.starts_with("data: the only one\n\nretry: ") && body.ends_with("\n\n"), "{body:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_to_be_resumed_is_seen_to_be_broken_off() {
    let (mut served, clients) = stop_under_listeners("ebbtide", "/resumed", 0).await;
    served.ended(Duration::from_secs(20)).await.code(0);
    for seen in clients.join_all().await {
        assert_eq!(seen.end, End::Error(std::io::ErrorKind::ConnectionReset));
    }
}

/// The opposite: without the policies they hold the stop to its deadline, and are cut in the middle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_abruptly_they_hold_the_stop_and_are_cut() {
    let (mut served, clients) = stop_under_listeners("abrupt", "/events", 0).await;
    let ended = served.ended(Duration::from_secs(20)).await;
    ended.code(3).within(GRACE).said("GET /events").said(&format!("cut={CLIENTS}"));
    assert!(ended.after > Duration::from_secs(3), "{:?}", ended.after);
    for seen in clients.join_all().await {
        assert_eq!(seen.end, End::Error(std::io::ErrorKind::ConnectionReset));
    }
}

/// The opposite with a peer: `axum::serve` waits for as long as anybody listens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_hold_axums_own_server_past_its_grace_period() {
    let (mut served, mut clients) = stop_under_listeners("axum", "/events", 0).await;
    assert!(served.ended_or_not(GRACE).await.is_none(), "it ended");
    assert!(clients.try_join_next().is_none(), "and nobody was told");
}

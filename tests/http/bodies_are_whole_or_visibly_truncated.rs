//! Uploads and downloads in flight at the signal arrive whole, to the byte, at both ends. Those that have not finished by the
//! deadline are truncated visibly for the receiver.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::time::Duration;

use ebbtide_http1::client::Client;
use ebbtide_http1::{Head, Method};
use ebbtide_tests::{Served, pattern};
use rustix::process::Signal;
use tokio::task::JoinSet;

const LONG: Duration = Duration::from_secs(30);
/// Larger than the socket buffers.
const LARGE: u64 = 16 * 1024 * 1024;
/// 16 KiB every 50 ms: two seconds.
const SLOW: u64 = 40 * 16 * 1024;

fn shapes(grace: &str) -> Served {
    Served::shapes(&[], grace, "0s")
}

/// How a response marks its end.
const ENDINGS: [(&str, bool); 3] = [
    ("HTTP/1.1", true),  // by a length
    ("HTTP/1.1", false), // by the last chunk
    ("HTTP/1.0", false), // by the end of the connection
];

/// Starts a download and waits for its first bytes.
async fn download(served: &Served, bytes: u64, ms: u64, (version, known): (&str, bool)) -> Client {
    let mut client = Client::connect(served.addr).await.expect("the server accepts");
    let path = format!("/download?bytes={bytes}&ms={ms}&known={known}");
    client
        .send(format!("GET {path} {version}\r\nHost: test\r\n\r\n").as_bytes())
        .await
        .expect("the bytes are sent");
    client.first_bytes().await.expect("first bytes");
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn downloads_large_and_slow_arrive_whole() {
    let mut served = shapes("20s");
    let mut clients = Vec::new();
    for ending in ENDINGS {
        // The client reads only after the signal, so most of the body is still in the server.
        clients.push((LARGE, download(&served, LARGE, 0, ending).await));
        clients.push((SLOW, download(&served, SLOW, 50, ending).await));
    }
    served.terminate();
    served.process.says("phase=draining");
    let mut reading = JoinSet::new();
    for (length, mut client) in clients {
        reading.spawn(async move {
            let answer = client.response().await.expect("a complete response");
            assert!(answer.is_ok());
            assert_eq!(answer.body.len() as u64, length);
            assert!(pattern::is_at(0, &answer.body), "wrong bytes");
            assert!(client.rest().await.is_eof());
        });
    }
    reading.join_all().await;
    served.ended(LONG).await.code(0);
}

/// Starts an upload and sends half of it.
async fn upload(served: &Served, length: u64, chunked: bool) -> Client {
    let mut client = Client::connect(served.addr).await.expect("the server accepts");
    let framing =
        if chunked { "Transfer-Encoding: chunked".to_owned() } else { format!("Content-Length: {length}") };
    let head = format!("POST /upload HTTP/1.1\r\nHost: test\r\n{framing}\r\n\r\n");
    client.send(head.as_bytes()).await.expect("the bytes are sent");
    send(&mut client, 0, length / 2, chunked).await;
    client
}

async fn send(client: &mut Client, from: u64, to: u64, chunked: bool) {
    const PIECE: u64 = 64 * 1024;
    for at in (from..to).step_by(PIECE as usize) {
        let bytes = pattern::bytes(at, PIECE.min(to - at) as usize);
        let piece = match chunked {
            true => [format!("{:x}\r\n", bytes.len()).as_bytes(), &bytes, b"\r\n"].concat(),
            false => bytes,
        };
        client.send(&piece).await.expect("the bytes are sent");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_large_and_slow_arrive_whole() {
    let mut served = shapes("20s");
    let mut sending = JoinSet::new();
    let mut clients = Vec::new();
    for chunked in [false, true] {
        clients.push((LARGE, Duration::ZERO, chunked, upload(&served, LARGE, chunked).await));
        clients.push((SLOW, Duration::from_millis(200), chunked, upload(&served, SLOW, chunked).await));
    }
    served.terminate();
    served.process.says("phase=draining");
    for (length, pause, chunked, mut client) in clients {
        sending.spawn(async move {
            let (half, step) = (length / 2, length / 16);
            for part in 0..8 {
                tokio::time::sleep(pause).await;
                send(&mut client, half + part * step, half + (part + 1) * step, chunked).await;
            }
            if chunked {
                client.send(b"0\r\n\r\n").await.expect("the bytes are sent");
            }
            let answer = client.response().await.expect("an answer");
            assert_eq!(String::from_utf8_lossy(&answer.body), format!("{length} whole"));
            assert!(answer.closes);
        });
    }
    sending.join_all().await;
    served.ended(LONG).await.code(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_cancelled_at_the_deadline_is_visibly_truncated() {
    let mut served = shapes("3s");
    let mut clients = Vec::new();
    for ending in ENDINGS {
        clients.push(download(&served, LARGE, 50, ending).await);
    }
    let mut half = upload(&served, SLOW, true).await;
    served.terminate();
    for mut client in clients {
        let cancelled = client.response().await.expect_err("half a body looks complete");
        let head = Head::parse(&cancelled.received, Method::Other).expect("HTTP").expect("a head");
        assert!(cancelled.received.len() > head.range.end, "no part of the body arrived");
    }
    // The server has not received the end of the upload, and must not report it as complete.
    let answer = half.response().await.map(|answer| answer.is_ok());
    assert!(!matches!(answer, Ok(true)), "{answer:?}");
    let ended = served.ended(LONG).await;
    ended.code(3).said("GET /download").said("POST /upload");
}

/// The process is killed, and the kernel closes its sockets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigkill_during_a_body_never_makes_it_look_whole() {
    let served = shapes("30s");
    let mut clients = Vec::new();
    for ending in ENDINGS {
        clients.push(download(&served, LARGE, 50, ending).await);
    }
    served.process.signal(Signal::KILL);
    for (mut client, ending) in clients.into_iter().zip(ENDINGS) {
        let cancelled = client.response().await.expect_err("half a body looks complete");
        if ending == ENDINGS[2] {
            assert!(cancelled.is_reset(), "only a reset marks it as incomplete");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_resets_every_body_in_flight() {
    let mut served = shapes("30s");
    let mut clients = Vec::new();
    for ending in ENDINGS {
        clients.push(download(&served, LARGE, 50, ending).await);
    }
    served.terminate();
    // When the listener is closed, every connection has been notified.
    while Client::connect(served.addr).await.is_ok() {}
    served.terminate();
    for mut client in clients {
        assert!(client.rest().await.is_reset());
    }
    served.ended(LONG).await.by_signal(Signal::TERM);
}

/// The body's task is never polled again. If the runtime waits for events on that thread, the watchdog ends the process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_whose_thread_hangs_is_reset_when_the_process_ends() {
    for (version, known) in ENDINGS {
        let mut served = shapes("3s");
        let mut client = Client::connect(served.addr).await.expect("the server accepts");
        let head = format!("GET /hangs?known={known} {version}\r\nHost: test\r\n\r\n");
        client.send(head.as_bytes()).await.expect("the bytes are sent");
        served.process.says("a body hangs");
        served.terminate();
        assert!(client.rest().await.is_reset(), "{version}, {known}");
        served.ended(LONG).await.said("GET /hangs");
    }
}

/// The runtime hangs before the signal, and never receives it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_are_reset_when_the_watchdog_ends_the_process() {
    let mut served = shapes("3s");
    let mut clients = Vec::new();
    for ending in ENDINGS {
        clients.push(download(&served, LARGE, 50, ending).await);
    }
    let mut last = Client::connect(served.addr).await.expect("the server accepts");
    last.get("/hang").await.expect("the bytes are sent");
    served.process.says("2 threads hang");
    served.terminate();
    for mut client in clients {
        assert!(client.rest().await.is_reset());
    }
    served.ended(LONG).await.code(4);
}

/// The opposite: a plain axum server does not exit by itself, and when it is killed, half an HTTP/1.0 body looks complete.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_ebbtide_sigkill_makes_half_a_body_look_whole() {
    let mut served = Served::peer();
    let mut client = download(&served, LARGE, 50, ENDINGS[2]).await;
    served.terminate();
    assert!(
        served.ended_or_not(Duration::from_secs(3)).await.is_none(),
        "the process exited within its grace period"
    );
    served.process.signal(Signal::KILL);
    let answer = client.response().await.expect("a response that looks complete");
    assert!(answer.is_ok() && (answer.body.len() as u64) < LARGE);
}

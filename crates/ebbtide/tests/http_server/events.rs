//! Streams that are open when the server stops, and their policies.

use std::time::Duration;

use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use ebbtide::http::{CloseMode, OnStop, Server};
use tokio::task::JoinSet;

use crate::bodies::{Feed, feed};
use crate::frames::{DATA, END_STREAM, Frames, RST_STREAM};
use crate::support::{Client, PausedClock, Served, cause, is_listening, ping, serve, stop_source, until};

const ASK: &[u8] = b"GET /stream HTTP/1.1\r\nHost: test\r\n\r\n";
const ASK_1_0: &[u8] = b"GET /stream HTTP/1.0\r\n\r\n";
const EVENTS: &str = "text/event-stream; charset=utf-8";
const LINES: &str = "application/x-ndjson";

fn stream(kind: &'static str) -> (Feed, MethodRouter) {
    let (feed, fed) = feed();
    (feed, get(async move || ([("content-type", kind)], fed.body()).into_response()))
}

/// Serves the stream to a client, and waits until the client has read its beginning.
async fn begin(
    (feed, stream): (Feed, MethodRouter),
    request: &[u8],
    first: &'static str,
    with: impl FnOnce(Server<axum::Router>) -> Server<axum::Router>,
) -> (Served, Client, Feed) {
    let served = serve(ping().route("/stream", stream), with).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(request).await.unwrap();
    feed.send(first);
    client.read_until(first.as_bytes()).await.unwrap();
    (served, client, feed)
}

/// Checks that a response which the server ended before its source counts neither as finished nor as cancelled.
fn is_ended_early(served: &Served) {
    let counts = served.work.counts();
    let fates =
        (counts.ended_early, counts.finished, counts.cancelled, counts.in_flight, counts.unaccounted());
    assert_eq!(fates, (1, 0, 0, 0, 0));
}

#[tokio::test]
async fn events_continue_in_the_lame_duck_and_end_at_an_event_boundary_after_it() {
    let (mut served, mut client, feed) = begin(stream(EVENTS), ASK, "data: 1\n\n", |server| server).await;
    served.announce();
    feed.send("data: 2\n\n");
    client.read_until(b"data: 2\n\n").await.unwrap();
    assert!(!feed.is_dropped());
    served.stop();
    let end = client.rest().await;
    assert!(end.is_eof() && end.received == b"\r\n0\r\n\r\n", "{end:?}");
    assert!(feed.is_dropped());
    drop(client);
    served.ended().await;
    is_ended_early(&served);
}

#[tokio::test]
async fn a_partly_sent_event_is_completed() {
    for (half, rest, after) in [
        ("data: 1\n\ndata: 2", "\n\n", "data: 3\n\n"),
        ("data: 1\r\n\r\ndata: 2\r\n", "\r\n", "data: 3\r\n\r\n"),
        ("data: 1\r\rdata: 2\r", "\r", "data: 3\r\r"),
    ] {
        let (mut served, mut client, feed) = begin(stream(EVENTS), ASK_1_0, half, |server| server).await;
        served.stop();
        served.draining().await;
        assert!(client.is_quiet() && !feed.is_dropped(), "in the middle of {half:?}");
        feed.send(rest);
        feed.send(after);
        let end = client.rest().await;
        assert!(end.is_eof() && end.received == rest.as_bytes(), "{end:?}");
        drop(client);
        served.ended().await;
        is_ended_early(&served);
    }
}

#[tokio::test]
async fn an_event_stream_without_events_ends_as_well() {
    let (feed, stream) = stream(EVENTS);
    let mut served = serve(ping().route("/stream", stream), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(ASK).await.unwrap();
    client.read_until(b"\r\n\r\n").await.unwrap();
    served.stop();
    assert_eq!(client.rest().await.received, b"0\r\n\r\n");
    assert!(feed.is_dropped());
    drop(client);
    served.ended().await;
}

#[tokio::test]
async fn the_last_event_can_set_the_reconnection_time() {
    let (low, high) = (Duration::from_millis(1000), Duration::from_millis(5000));
    let mut waits = Vec::new();
    let (mut feeds, mut clients) = (Vec::new(), Vec::new());
    let mut router = ping();
    for each in 0..20 {
        let (feed, stream) = stream(EVENTS);
        router = router.route(&format!("/{each}"), stream);
        feeds.push(feed);
    }
    let mut served = serve(router, |server| server.sse_retry(low..=high)).await;
    for (each, feed) in feeds.iter().enumerate() {
        let mut client = Client::connect(served.addr).await.unwrap();
        client.send(format!("GET /{each} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
        feed.send("data: 1\n\n");
        client.read_until(b"data: 1\n\n").await.unwrap();
        clients.push(client);
    }
    served.stop();
    for mut client in clients {
        let end = client.rest().await;
        let rest = end.text();
        let wait = rest.strip_prefix("retry: ").and_then(|rest| rest.strip_suffix("\n\n"));
        waits.push(wait.and_then(|wait| wait.parse::<u64>().ok()).unwrap_or_else(|| panic!("{rest:?}")));
        assert!(end.is_eof());
    }
    served.ended().await;
    waits.sort_unstable();
    assert!(waits.iter().all(|wait| (1000..=5000).contains(wait)), "{waits:?}");
    assert!(waits.windows(2).all(|pair| pair[1] - pair[0] < 800), "evenly spread: {waits:?}");
    waits.dedup();
    assert_eq!(waits.len(), 20, "{waits:?}");
}

#[tokio::test]
async fn events_over_http_1_0_end_in_order() {
    let (mut served, mut client, _feed) =
        begin(stream(EVENTS), ASK_1_0, "data: 1\n\n", |server| server).await;
    served.stop();
    let end = client.rest().await;
    assert!(end.is_eof() && end.received.is_empty());
    drop(client);
    served.ended().await;
    is_ended_early(&served);
}

#[tokio::test]
async fn events_over_http_2_end_their_stream() {
    let (feed, stream) = stream(EVENTS);
    let mut served = serve(ping().route("/stream", stream), |server| server).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.get(1, "/stream").await;
    feed.send("data: 1\n\n");
    assert_eq!(frames.next_of(&[DATA]).await.expect("an event").payload, b"data: 1\n\n");
    served.stop();
    let last = frames.next_of(&[DATA, RST_STREAM]).await.expect("an end");
    assert_eq!((last.kind, last.flags, last.payload.len()), (DATA, END_STREAM, 0));
    assert!(feed.is_dropped());
    drop(frames);
    served.ended().await;
    is_ended_early(&served);
}

/// `EventSource` sends only GET. A client that sends POST expects the stream's own end: of a model's answer, of a remote call.
#[tokio::test]
async fn events_in_response_to_a_post_may_finish() {
    let (feed, fed) = feed();
    let handler = async move || ([("content-type", EVENTS)], fed.body()).into_response();
    let stream = (feed, axum::routing::post(handler));
    let ask = b"POST /stream HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n";
    let (mut served, mut client, feed) = begin(stream, ask, "data: 1\n\n", |server| server).await;
    served.stop();
    for _ in 0..29 {
        feed.send("data: more\n\n");
        client.read_until(b"data: more\n\n").await.unwrap();
    }
    drop(feed);
    let end = client.rest().await;
    assert!(end.is_eof() && end.received == b"\r\n0\r\n\r\n", "{end:?}");
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (1, 0));
}

/// The opposite: with the policy on the route they end although their source continues, and do not count as finished.
#[tokio::test]
async fn events_in_response_to_a_post_end_early_with_the_routes_policy() {
    let (feed, fed) = feed();
    let handler = async move || ([("content-type", EVENTS)], fed.body()).into_response();
    let stream = (feed, axum::routing::post(handler).layer(OnStop::End));
    let ask = b"POST /stream HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n";
    let (mut served, mut client, _feed) = begin(stream, ask, "data: 1\n\n", |server| server).await;
    served.stop();
    assert_eq!(client.rest().await.received, b"\r\n0\r\n\r\n");
    served.ended().await;
    is_ended_early(&served);
}

/// The opposite: without the policy they continue until they are cancelled, and the client sees that they are truncated.
#[tokio::test]
async fn events_with_the_finish_policy_finish_or_are_cancelled() {
    for finishes in [true, false] {
        let (feed, stream) = stream(EVENTS);
        let stream = (feed, stream.layer(OnStop::Finish));
        let (mut served, mut client, feed) = begin(stream, ASK_1_0, "data: 1\n\n", |server| server).await;
        served.stop();
        served.draining().await;
        assert!(served.is_running() && !feed.is_dropped());
        if finishes {
            feed.send("data: 2\n\n");
            drop(feed);
            let end = client.rest().await;
            assert!(end.is_eof() && end.received == b"data: 2\n\n");
        } else {
            served.cancelled();
            assert!(client.rest().await.is_reset());
        }
        drop(client);
        served.ended().await;
        assert_eq!(
            (served.work.finished(), served.work.cancelled()),
            (u64::from(finishes), u64::from(!finishes))
        );
    }
}

/// The opposite: an abrupt close ignores the policy.
#[tokio::test]
async fn events_delay_an_abrupt_close_until_they_are_cancelled() {
    let abrupt = |server: Server<axum::Router>| server.close_mode(CloseMode::Abrupt);
    let (mut served, mut client, feed) = begin(stream(EVENTS), ASK_1_0, "data: 1\n\n", abrupt).await;
    served.stop();
    served.draining().await;
    assert!(served.is_running() && !feed.is_dropped());
    served.cancelled();
    assert!(client.rest().await.is_reset());
    served.ended().await;
}

/// The opposite with a peer: `axum::serve` waits until the client disconnects.
#[tokio::test]
async fn events_delay_axum_serve_until_the_client_disconnects() {
    let clock = PausedClock::new();
    let (feed, stream) = stream(EVENTS);
    let stop = stop_source();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut server = JoinSet::new();
    let (token, router) = (stop.token(), ping().route("/stream", stream));
    server.spawn(async move {
        axum::serve(listener, router).with_graceful_shutdown(async move { token.stopping().await }).await
    });
    let mut client = Client::connect(addr).await.unwrap();
    client.send(ASK).await.unwrap();
    feed.send("data: 1\n\n");
    client.read_until(b"data: 1\n\n").await.unwrap();
    stop.stop(cause(), None);
    until(|| !is_listening(addr)).await;
    clock.advance(Duration::from_secs(3600)).await;
    assert!(server.try_join_next().is_none() && client.is_quiet());
    drop(client);
    server.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn other_streams_finish_unless_their_policy_ends_them() {
    for ends in [true, false] {
        let (feed, stream) = stream(LINES);
        let stream = if ends { stream.layer(OnStop::End) } else { stream };
        let (mut served, mut client, feed) = begin((feed, stream), ASK_1_0, "{}\n", |server| server).await;
        served.stop();
        if !ends {
            served.draining().await;
            assert!(client.is_quiet() && !feed.is_dropped());
            drop(feed);
        }
        let end = client.rest().await;
        assert!(end.is_eof() && end.received.is_empty());
        drop(client);
        served.ended().await;
        if ends {
            is_ended_early(&served);
        } else {
            assert_eq!((served.work.finished(), served.work.cancelled()), (1, 0));
        }
    }
}

/// A stream that is always ready is not woken by the stop signal, but ends as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_always_ready_ends_too() {
    struct Endless;
    impl http_body::Body for Endless {
        type Data = bytes::Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
            let event = bytes::Bytes::from_static(b"data: more\n\n");
            std::task::Poll::Ready(Some(Ok(http_body::Frame::data(event))))
        }
    }
    let endless = async || ([("content-type", EVENTS)], axum::body::Body::new(Endless));
    let mut served = serve(ping().route("/stream", get(endless)), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(ASK_1_0).await.unwrap();
    client.read_until(b"data: more\n\n").await.unwrap();
    served.stop();
    let end = client.rest().await;
    assert!(end.is_eof() && (end.received.is_empty() || end.received.ends_with(b"data: more\n\n")));
    drop(client);
    served.ended().await;
}

#[tokio::test]
async fn a_stream_with_the_break_policy_is_truncated_and_counts_as_ended_early() {
    let (feed, lines) = stream(LINES);
    let broken = (feed, lines.layer(OnStop::Break));
    let (mut served, mut client, feed) = begin(broken, ASK_1_0, "{}\n", |server| server).await;
    served.announce();
    feed.send("{}\n");
    client.read_until(b"{}\n").await.unwrap();
    served.stop();
    assert!(client.rest().await.is_reset());
    assert!(feed.is_dropped());
    served.ended().await;
    is_ended_early(&served);

    let (feed, lines) = stream(LINES);
    let mut served = serve(ping().route("/stream", lines.layer(OnStop::Break)), |server| server).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.get(1, "/stream").await;
    feed.send("{}\n");
    assert_eq!(frames.next_of(&[DATA]).await.expect("a line").payload, b"{}\n");
    served.stop();
    assert_eq!(frames.next_of(&[DATA, RST_STREAM]).await.expect("an end").kind, RST_STREAM);
    drop(frames);
    served.ended().await;
    is_ended_early(&served);
}

/// The handler's policy takes precedence over the layer's.
#[tokio::test]
async fn the_handlers_policy_takes_precedence_over_the_layers() {
    let (feed, fed) = feed();
    let handler = async move || {
        (axum::Extension(OnStop::Finish), [("content-type", EVENTS)], fed.body()).into_response()
    };
    let stream = (feed, get(handler).layer(OnStop::Break));
    let (mut served, mut client, feed) = begin(stream, ASK_1_0, "data: 1\n\n", |server| server).await;
    served.stop();
    served.draining().await;
    assert!(client.is_quiet() && !feed.is_dropped());
    drop(feed);
    assert!(client.rest().await.is_eof());
    drop(client);
    served.ended().await;
}

/// A body with a Content-Length cannot end early and be whole.
#[tokio::test]
async fn a_body_of_known_length_finishes_whatever_its_policy() {
    let (feed, fed) = feed();
    let handler = async move || ([("content-type", EVENTS), ("content-length", "4")], fed.body());
    let stream = (feed, get(handler).layer(OnStop::End));
    let (mut served, mut client, feed) = begin(stream, ASK, "\n\n", |server| server).await;
    served.stop();
    served.draining().await;
    assert!(client.is_quiet() && !feed.is_dropped());
    feed.send("\n\n");
    client.read_until(b"\n\n").await.unwrap();
    drop(client);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (1, 0));
}

//! The response to a request that is still in flight at the deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Bytes;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use ebbtide::http::{CloseMode, Listener, Server};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Empty};

use crate::bodies::feed;
use crate::frames::{Frames, HEADERS, RST_STREAM};
use crate::http2;
use crate::support::{Client, LONG, PING, SLOW, Served, cause, ping, serve, slow, stop_source, until};

/// Sets a flag when it is dropped.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_request_without_a_response_gets_503_and_its_handler_is_dropped() {
    let dropped = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&dropped);
    let never = async move || {
        let _dropped = Dropped(seen);
        std::future::pending::<()>().await;
    };
    let mut served = serve(ping().route("/slow", get(never)), |server| server.refusal_time(LONG)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(SLOW).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.draining().await;
    assert!(client.is_quiet() && !dropped.load(Ordering::SeqCst), "not before the deadline");
    served.cancelled();
    let answer = client.response().await.expect("a response");
    assert!(answer.status == 503 && answer.closes, "{answer:?}");
    assert!(client.rest().await.is_eof(), "the connection is closed in order");
    drop(client);
    served.ended().await;
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!((served.work.finished(), served.work.cancelled(), served.work.in_flight()), (0, 1, 0));
    let name = served.work.stragglers().remove(0).name;
    assert!(name.starts_with("GET /slow from 127.0.0.1:"), "{name}");
}

/// The opposite: other servers close the connection without a response.
#[tokio::test]
async fn a_request_without_a_response_gets_nothing_after_an_abrupt_close() {
    let never = stop_source();
    let mut served = serve(slow(never.token()), |server| server.close_mode(CloseMode::Abrupt)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(SLOW).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.cancelled();
    served.ended().await;
    assert!(client.rest().await.received.is_empty());
    assert_eq!(served.work.cancelled(), 1);
}

#[tokio::test]
async fn requests_pipelined_behind_a_cancelled_one_are_answered_too() {
    let never = stop_source();
    let mut served = serve(slow(never.token()), |server| server.refusal_time(LONG)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(&[SLOW, PING, SLOW].concat()).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.cancelled();
    let first = client.response().await.expect("the first response");
    assert!(first.status == 503 && !first.closes, "{first:?}");
    // A request whose handler completes at once gets its response.
    let second = client.response().await.expect("the second response");
    assert!(second.is_ok() && !second.closes && second.body == b"pong", "{second:?}");
    let third = client.response().await.expect("the third response");
    assert!(third.status == 503, "{third:?}");
    let end = client.rest().await;
    assert!(end.received.is_empty() && end.is_eof());
    drop(client);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (1, 2));
}

/// Requests on connections that the kernel had accepted are read, even if the server had read none of them at the deadline.
#[tokio::test]
async fn requests_in_the_accept_queue_at_the_deadline_are_answered() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().tcp().unwrap();
    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut client = Client::connect(addr).await.unwrap();
        client.send(SLOW).await.unwrap();
        clients.push(client);
    }
    let (stop, never) = (stop_source(), stop_source());
    stop.stop(cause(), None);
    stop.cancel();
    let server = Server::new(slow(never.token())).refusal_time(LONG);
    let work = server.work();
    let answers = async {
        for mut client in clients {
            let answer = client.response().await.expect("a response");
            assert!(answer.status == 503 && answer.closes);
        }
    };
    let (served, ()) = tokio::join!(server.serve(listener, stop.token(), stop.token()), answers);
    served.unwrap();
    assert_eq!((work.finished(), work.cancelled()), (0, 100));
}

#[tokio::test]
async fn a_half_sent_head_that_is_completed_in_time_is_answered_at_the_deadline() {
    let never = stop_source();
    let mut served = serve(slow(never.token()), |server| server.refusal_time(LONG)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(&SLOW[..20]).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    served.cancelled();
    client.send(&SLOW[20..]).await.unwrap();
    let answer = client.response().await.expect("a response");
    assert!(answer.status == 503 && answer.closes);
    drop(client);
    served.ended().await;
}

#[tokio::test]
async fn an_http_2_request_without_a_response_gets_503() {
    let never = stop_source();
    let mut served = serve(slow(never.token()), |server| server.refusal_time(LONG)).await;
    let (mut sender, mut driver) = http2::connect(&served).await;
    let request = http::Request::get("http://test/slow").body(Empty::new()).unwrap();
    let response = sender.send_request(request);
    let stop = async {
        until(|| served.work.in_flight() == 1).await;
        served.stop();
        served.cancelled();
    };
    let (response, ()) = tokio::join!(response, stop);
    assert_eq!(response.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (0, 1));
    driver.join_next().await.unwrap().unwrap().expect("the connection is closed in order");
}

/// Calls a gRPC route. Cancels the server when the response has begun, or when the handler has.
async fn call(served: &mut Served) -> hyper::Result<(StatusCode, HeaderMap, Option<HeaderMap>)> {
    let (mut sender, _driver) = http2::connect(served).await;
    let request = http::Request::post("http://test/grpc").header("content-type", "application/grpc+proto");
    let (work, request) = (Arc::clone(&served.work), request.body(Empty::new()).unwrap());
    let cancelled = async {
        until(|| work.in_flight() == 1).await;
        served.stop();
        served.cancelled();
    };
    let response = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        Ok((head.status, head.headers, body.collect().await?.trailers().cloned()))
    };
    let (response, ()) = tokio::join!(response, cancelled);
    served.ended().await;
    response
}

fn is_unavailable(headers: &HeaderMap) -> bool {
    headers.get("grpc-status").is_some_and(|status| status == "14")
        && headers.get("grpc-message").is_some_and(|message| message == "the server is stopping")
}

#[tokio::test]
async fn a_grpc_call_without_a_response_is_unavailable() {
    let never = async || std::future::pending::<()>().await;
    let mut served = serve(ping().route("/grpc", post(never)), |server| server.refusal_time(LONG)).await;
    let (status, headers, trailers) = call(&mut served).await.expect("a response");
    assert_eq!(status, StatusCode::OK);
    assert!(is_unavailable(&headers) && headers["content-type"] == "application/grpc", "{headers:?}");
    assert!(trailers.is_none());
    assert_eq!(served.work.cancelled(), 1);
}

#[tokio::test]
async fn an_open_grpc_stream_ends_as_unavailable() {
    let (feed, fed) = feed();
    let stream = async move || ([("content-type", "application/grpc")], fed.body()).into_response();
    let mut served = serve(ping().route("/grpc", post(stream)), |server| server.refusal_time(LONG)).await;
    feed.send("\0\0\0\0\x02hi");
    let (status, _, trailers) = call(&mut served).await.expect("a response");
    assert_eq!(status, StatusCode::OK);
    assert!(is_unavailable(&trailers.expect("trailers")));
    assert_eq!((served.work.finished(), served.work.cancelled()), (0, 1));
    assert!(feed.is_dropped());
}

/// The opposite: after an abrupt close the same stream is a transport error.
#[tokio::test]
async fn a_grpc_stream_closed_abruptly_is_a_transport_error() {
    let (feed, fed) = feed();
    let stream = async move || ([("content-type", "application/grpc")], fed.body()).into_response();
    let mut served =
        serve(ping().route("/grpc", post(stream)), |server| server.close_mode(CloseMode::Abrupt)).await;
    feed.send("\0\0\0\0\x02hi");
    assert!(call(&mut served).await.is_err());
}

/// With trailers a truncated plain body would look complete.
#[tokio::test]
async fn a_plain_body_is_never_ended_with_a_status() {
    for (kind, answer) in [("application/json", "application/grpc"), ("application/grpc", "application/json")]
    {
        let (feed, fed) = feed();
        let stream = async move || ([("content-type", answer)], fed.body()).into_response();
        let mut served = serve(ping().route("/grpc", post(stream)), |server| server).await;
        feed.send("{");
        let (mut sender, _driver) = http2::connect(&served).await;
        let request = http::Request::post("http://test/grpc").header("content-type", kind);
        let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        served.stop();
        served.cancelled();
        served.ended().await;
        assert!(response.into_body().collect().await.is_err(), "{kind}");
    }
}

/// A gRPC stream over HTTP/1 is not supported by gRPC: hyper drops its trailers there, and only the last chunk would be sent.
#[tokio::test]
async fn a_grpc_stream_over_http_1_is_reset() {
    let (feed, fed) = feed();
    let stream = async move || ([("content-type", "application/grpc")], fed.body()).into_response();
    let mut served = serve(ping().route("/grpc", post(stream)), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    let call =
        b"POST /grpc HTTP/1.1\r\nHost: test\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n";
    client.send(call).await.unwrap();
    feed.send("\0\0\0\0\x02hi");
    client.read_until(b"hi").await.unwrap();
    served.stop();
    served.cancelled();
    let end = client.rest().await;
    assert!(end.is_reset(), "{end:?}");
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (0, 1));
}

#[tokio::test]
async fn a_cancelled_http_2_body_is_reset() {
    let (feed, fed) = feed();
    let stream = async move || fed.body();
    let mut served = serve(ping().route("/stream", get(stream)), |server| server).await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.get(1, "/stream").await;
    assert_eq!(frames.next_of(&[HEADERS]).await.expect("a head").stream, 1);
    feed.send("half of it");
    served.stop();
    served.cancelled();
    let reset = frames.next_of(&[RST_STREAM]).await.expect("a reset before the connection ends");
    assert_eq!(reset.stream, 1);
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled()), (0, 1));
}

//! The WebSocket helper, with a real protocol implementation on an in-memory pipe.

use std::time::Duration;

use ebbtide::drain::{Stop, StopSource};
use ebbtide::ws::{CloseCode, Graceful};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::io::DuplexStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::support::{LONG, cause, source};

type Socket = WebSocketStream<DuplexStream>;

async fn pair(stop: Stop) -> (Graceful<Socket>, Socket) {
    let (ours, theirs) = tokio::io::duplex(4096);
    let server = WebSocketStream::from_raw_socket(ours, Role::Server, None).await;
    let client = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
    (Graceful::new(server, stop), client)
}

fn raise(stop: &StopSource) {
    stop.stop(cause(), None);
}

/// Echoes to the end. Returns the messages that were delivered, and the number of echoes that came too late.
async fn echo(mut socket: Graceful<Socket>) -> (Vec<String>, u64) {
    let mut delivered = Vec::new();
    while let Some(message) = socket.next().await {
        let message = message.expect("no error");
        if let Message::Text(text) = &message {
            delivered.push(text.to_string());
            socket.send(message).await.expect("sent, or discarded after the close");
        }
    }
    (delivered, socket.unsent())
}

async fn next(client: &mut Socket) -> Message {
    let next = tokio::time::timeout(LONG, client.next()).await.expect("a message in time");
    next.expect("a message").expect("no error")
}

fn close_frame(message: Message) -> (u16, String) {
    match message {
        Message::Close(Some(CloseFrame { code, reason })) => (code.into(), reason.to_string()),
        other => panic!("no close frame: {other:?}"),
    }
}

#[tokio::test]
async fn messages_before_the_stop_signal_are_answered_before_the_close_frame() {
    let stop = source();
    let (server, mut client) = pair(stop.token()).await;
    for n in 0..3 {
        client.send(Message::text(n.to_string())).await.unwrap();
    }
    raise(&stop);
    let client = async {
        for n in 0..3 {
            assert_eq!(next(&mut client).await, Message::text(n.to_string()));
        }
        assert_eq!(close_frame(next(&mut client).await), (1001, String::new()));
        assert!(client.next().await.is_none(), "tungstenite answers the close frame");
    };
    let (echoed, ()) = tokio::join!(echo(server), client);
    assert_eq!(echoed, (["0", "1", "2"].map(String::from).to_vec(), 0));
}

#[tokio::test]
async fn messages_that_cross_the_close_frame_are_delivered_and_answers_discarded() {
    let stop = source();
    let (server, mut client) = pair(stop.token()).await;
    let server = server.code(CloseCode::ServiceRestart).reason("deploy");
    raise(&stop);
    let mut echoing = Box::pin(echo(server));
    assert!((&mut echoing).now_or_never().is_none(), "the close frame is sent, the peer's has not arrived");
    client.send(Message::text("crossing")).await.unwrap();
    let client = async {
        assert_eq!(close_frame(next(&mut client).await), (1012, "deploy".to_owned()));
        assert!(client.next().await.is_none());
    };
    let (echoed, ()) = tokio::join!(echoing, client);
    assert_eq!(echoed, (vec!["crossing".to_owned()], 1));
}

#[tokio::test]
async fn an_idle_websocket_gets_a_close_frame_at_once() {
    let stop = source();
    let (server, mut client) = pair(stop.token()).await;
    let closer = async {
        tokio::task::yield_now().await;
        raise(&stop);
        assert_eq!(close_frame(next(&mut client).await).0, 1001);
        client.next().await;
    };
    let (echoed, ()) =
        tokio::time::timeout(LONG, async { tokio::join!(echo(server), closer) }).await.unwrap();
    assert_eq!(echoed, (Vec::new(), 0));
}

#[tokio::test]
async fn a_close_begun_by_the_peer_completes_with_its_code() {
    let stop = source();
    let (server, mut client) = pair(stop.token()).await;
    client.close(Some(CloseFrame { code: 4000.into(), reason: "bye".into() })).await.unwrap();
    let client = async {
        raise(&stop);
        assert_eq!(close_frame(next(&mut client).await), (4000, "bye".to_owned()), "its code is echoed");
    };
    tokio::join!(echo(server), client);
}

#[tokio::test]
async fn a_peer_that_never_stops_sending_gets_a_close_frame_after_a_limit() {
    let stop = source();
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let server = WebSocketStream::from_raw_socket(ours, Role::Server, None).await;
    let mut client = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
    for n in 0..1000 {
        client.feed(Message::text(n.to_string())).await.unwrap();
    }
    client.flush().await.unwrap();
    raise(&stop);
    let client = async {
        let mut echoed = 0;
        loop {
            match next(&mut client).await {
                Message::Text(_) => echoed += 1,
                close => break (echoed, close_frame(close).0, client.next().await.is_none()),
            }
        }
    };
    let ((delivered, unsent), (echoed, code, ended)) =
        tokio::join!(echo(Graceful::new(server, stop.token())), client);
    assert_eq!((delivered.len(), echoed, unsent, code, ended), (1000, 256, 744, 1001, true));
}

#[tokio::test(start_paused = true)]
async fn a_websocket_without_the_helper_gets_no_close_frame() {
    let stop = source();
    let (server, mut client) = pair(stop.token()).await;
    let mut bare = server.into_inner();
    raise(&stop);
    let told = async { tokio::join!(bare.next(), client.next()) };
    assert!(tokio::time::timeout(Duration::from_secs(3600), told).await.is_err());
}

#[tokio::test]
async fn a_websocket_read_that_is_dropped_loses_no_progress() {
    let stop = source();
    let (mut server, mut client) = pair(stop.token()).await;
    raise(&stop);
    for _ in 0..5 {
        assert!(server.next().now_or_never().is_none());
    }
    assert!(server.is_closing());
    assert_eq!(close_frame(next(&mut client).await).0, 1001);
    let (echoed, end) = tokio::join!(echo(server), client.next());
    assert!(echoed.0.is_empty() && end.is_none());
}

#[tokio::test]
async fn a_long_close_reason_is_truncated_at_a_character_boundary() {
    let stop = source();
    let (server, mut client) = pair(stop.token()).await;
    // The last character would take the 123rd and the 124th byte.
    let server = server.reason(format!("{}é", "x".repeat(122)));
    raise(&stop);
    let client = async {
        assert_eq!(close_frame(next(&mut client).await), (1001, "x".repeat(122)));
        client.next().await;
    };
    tokio::join!(echo(server), client);
}

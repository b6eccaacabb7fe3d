use futures_util::{SinkExt as _, StreamExt as _};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use super::example::{serve, stop};

const NONE: [&str; 0] = [];

#[tokio::test]
async fn websocket() {
    let served = serve("websocket", &NONE);
    let address = format!("ws://{}/echo", served.addr);
    let (mut socket, _) = tokio_tungstenite::connect_async(address).await.expect("it upgrades");
    socket.send(Message::text("hello")).await.expect("sent");
    assert_eq!(socket.next().await.expect("an echo").expect("an echo"), Message::text("hello"));
    served.process.signal(Signal::TERM);
    match socket.next().await.expect("a frame").expect("a frame") {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1001),
        other => panic!("no close frame but {other:?}"),
    }
    // Reads on, which sends the answer to the close frame.
    assert!(socket.next().await.is_none_or(|end| end.is_err()));
    // A duplicate of the signal is ignored.
    stop(served.process);
}

#[tokio::test]
async fn sse() {
    let served = serve("sse", &NONE);
    let mut stream = TcpStream::connect(served.addr).await.expect("a connection");
    stream.write_all(b"GET /prices HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await.expect("sent");
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains("event: price\ndata: 100\n\n") {
        assert_ne!(stream.read_buf(&mut read).await.expect("events"), 0);
    }
    served.process.signal(Signal::TERM);
    stream.read_to_end(&mut read).await.expect("the rest");
    let read = String::from_utf8(read).expect("text");
    assert!(read.ends_with("\n\n\r\n0\r\n\r\n"), "it does not end whole, behind an event: {read}");
    stop(served.process);
}

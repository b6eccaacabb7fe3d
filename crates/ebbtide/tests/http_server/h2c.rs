//! The upgrade from HTTP/1.1 to HTTP/2, which RFC 9113 §3.1 has taken back: a server may ignore it.

use crate::support::{Client, PING, ping, serve};

const UPGRADE: &str = "GET /ping HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
    HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n";

#[tokio::test]
async fn an_upgrade_to_http_2_is_answered_whole_over_http_1() {
    let mut served = serve(ping(), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(UPGRADE.as_bytes()).await.unwrap();
    let answer = client.answer().await.expect("an answer");
    assert!(answer.is_ok() && answer.body == b"pong" && !answer.head.contains("upgrade"), "{}", answer.head);
    // The connection goes on as it is, and is told to end like any other.
    client.send(PING).await.unwrap();
    assert!(client.answer().await.expect("an answer").is_ok());
    served.announce();
    client.send(UPGRADE.as_bytes()).await.unwrap();
    let answer = client.answer().await.expect("an answer");
    assert!(answer.is_ok() && answer.body == b"pong" && answer.closes());
    served.stop();
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cut()), (3, 0));
}

//! What client and server agree on.

use bytes::Bytes;
use ebbtide::http::Listener;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;

use super::pair::{Pair, serve};
use crate::support::{Client, PING_CLOSE, SLOW, cause, ping, serve_on, slow, stop_source, until};

async fn ask_http_2<S>(stream: S) -> hyper::Result<Bytes>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(stream);
    let (mut sender, conn) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
    let mut driver = JoinSet::new();
    driver.spawn(conn);
    let request = http::Request::get("https://localhost/ping").body(Empty::<Bytes>::new()).unwrap();
    Ok(sender.send_request(request).await?.into_body().collect().await?.to_bytes())
}

#[tokio::test]
async fn what_client_and_server_agree_on_is_spoken() {
    let pair = Pair::new();
    let mut served = serve(pair.tls(), ping(), |server| server).await;
    let connect = async |protocols: &[&str]| {
        pair.over(TcpStream::connect(served.addr).await.unwrap(), protocols).await.unwrap()
    };
    let stream = connect(&["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    assert_eq!(ask_http_2(stream).await.unwrap(), "pong");
    let stream = connect(&["http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    let mut client = Client::over(stream);
    client.send(PING_CLOSE).await.unwrap();
    assert!(client.answer().await.unwrap().is_ok());
    // Without an agreement the first bytes decide.
    let mut client = Client::over(connect(&[]).await);
    client.send(PING_CLOSE).await.unwrap();
    assert!(client.answer().await.unwrap().is_ok());
    assert_eq!(ask_http_2(connect(&[]).await).await.unwrap(), "pong");
    // With one they don't.
    assert!(ask_http_2(connect(&["http/1.1"]).await).await.is_err());
    // Nobody gets what was not on offer.
    let stream = TcpStream::connect(served.addr).await.unwrap();
    assert!(pair.over(stream, &["spdy/3"]).await.is_err());
    served.stop();
    served.ended().await;
}

#[tokio::test]
async fn an_http_2_connection_over_tls_is_told_to_go_and_finishes_its_streams() {
    let pair = Pair::new();
    let release = stop_source();
    let mut served = serve(pair.tls(), slow(release.token()), |server| server).await;
    let stream = pair.over(TcpStream::connect(served.addr).await.unwrap(), &["h2"]).await.unwrap();
    let io = TokioIo::new(stream);
    let (mut sender, conn) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let mut driver = JoinSet::new();
    driver.spawn(conn);
    let request = http::Request::get("https://localhost/slow").body(Empty::<Bytes>::new()).unwrap();
    let mut asking = JoinSet::new();
    asking.spawn(async move { sender.send_request(request).await.unwrap().into_body().collect().await });
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    assert!(served.is_running());
    release.stop(cause(), None);
    assert_eq!(asking.join_all().await.remove(0).unwrap().to_bytes(), "slow pong");
    served.ended().await;
    // The connection ended in order: GOAWAY, `close_notify`, end.
    driver.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!((served.work.finished(), served.work.cut()), (1, 0));
}

#[tokio::test]
async fn tls_is_spoken_over_a_path_too() {
    let pair = Pair::new();
    let path = pair.directory.path().join("test.sock");
    let release = stop_source();
    let listener = Listener::bind_unix(&path).await.unwrap().tls(pair.tls());
    let mut served = serve_on(listener, ([0, 0, 0, 0], 0).into(), slow(release.token()), |server| server);
    let stream = UnixStream::connect(&path).await.unwrap();
    let mut client = Client::over(pair.over(stream, &[]).await.unwrap());
    client.send(SLOW).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.stop();
    release.stop(cause(), None);
    assert!(client.answer().await.unwrap().closes());
    assert!(client.rest().await.1.is_none());
    drop(client);
    served.ended().await;
}

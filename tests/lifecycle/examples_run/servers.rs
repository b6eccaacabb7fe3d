//! Examples that serve: HTTP, TLS, gRPC, WebSockets, event streams.

use std::fs;
use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::Arc;

use command_fds::{CommandFdExt as _, FdMapping};
use ebbtide_http1::client::Client;
use ebbtide_tests::{Process, example};
use futures_util::{SinkExt as _, StreamExt as _};
use rustix::process::Signal;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::Message;
use tonic::transport::Endpoint;
use tonic_prost::ProstCodec;

use super::example::{address, command, exited, get, post, serve, stop, surrounded};

const NONE: [&str; 0] = [];

#[tokio::test]
async fn minimal() {
    let served = serve("minimal", &NONE);
    assert_eq!(get(served.addr, "/").await, "Hello, World!");
    assert_eq!(get(served.addr, "/readyz").await, "ready\n");
    stop(served.process);
}

#[tokio::test]
async fn full_service() {
    let served = serve("full_service", &["127.0.0.1:0"]);
    assert_eq!(get(address(&served.process, "health"), "/readyz").await, "ready\n");
    post(served.addr, "/orders", "a teapot").await;
    // It is still being confirmed at the signal.
    let ended = stop(served.process);
    let closed = ended.output.find("database closed orders=1");
    assert!(ended.output.find("order confirmed") < closed, "{}", ended.output);
}

#[tokio::test]
async fn own_runtime() {
    let served = serve("own_runtime", &NONE);
    assert_eq!(get(served.addr, "/").await, "Hello, World!");
    stop(served.process).said("lifecycle finished");
}

#[tokio::test]
async fn axum_swap() {
    let process = Process::start(command("axum_swap").arg("127.0.0.1:0"));
    process.says("phase=ready");
    assert_eq!(get(address(&process, "http"), "/").await, "Hello, World!");
    exited(process).said("the shutdown signal came").said("server stopped");
}

#[tokio::test]
async fn systemd_socket_with_an_address() {
    let served = serve("systemd_socket", &NONE);
    assert_eq!(get(served.addr, "/").await, "Hello, World!");
    stop(served.process);
}

#[tokio::test]
async fn systemd_socket_with_the_socket_of_the_service_manager() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = socket.local_addr().expect("its address");
    let parent_fd = socket.as_fd().try_clone_to_owned().expect("a descriptor");
    let program = example("systemd_socket");
    let mut command = Command::new("sh");
    // `LISTEN_PID` is the shell's, and stays that of what it becomes.
    command.args(["-c", "LISTEN_PID=$$ exec \"$0\""]).arg(program.get_program()).env("LISTEN_FDS", "1");
    command.fd_mappings(vec![FdMapping { parent_fd, child_fd: 3 }]).expect("one number");
    let process = Process::start(&mut surrounded(command));
    process.says("phase=ready");
    assert_eq!(get(addr, "/").await, "Hello, World!");
    stop(process);
}

#[tokio::test]
async fn tls_with_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    fs::write(&certificate, made.cert.pem()).expect("written");
    fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let served = serve("tls", &[certificate, key]);

    let mut trusted = RootCertStore::empty();
    trusted.add(made.cert.der().clone()).expect("a certificate");
    let config = ClientConfig::builder().with_root_certificates(trusted).with_no_client_auth();
    let stream = TcpStream::connect(served.addr).await.expect("a connection");
    let name = "localhost".try_into().expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake");
    let mut client = Client::new(stream);
    client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.expect("sent");
    let answer = client.last_response().await.expect("an answer to its end");
    assert_eq!(answer.text(), "Hello, World!");
    stop(served.process);
}

#[tokio::test]
async fn tls_without_files_removes_what_it_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = command("tls");
    let process = Process::start(command.arg("127.0.0.1:0").env("TMPDIR", folder.path()));
    process.says("phase=ready");
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
    stop(process);
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

#[tokio::test]
async fn grpc() {
    let served = serve("grpc", &NONE);
    let channel = Endpoint::from_shared(format!("http://{}", served.addr)).expect("an address");
    let mut client = tonic::client::Grpc::new(channel.connect().await.expect("a connection"));
    client.ready().await.expect("ready");
    let path = http::uri::PathAndQuery::from_static("/greeter.Greeter/Greet");
    let codec = ProstCodec::<String, String>::default();
    let answer = client.unary(tonic::Request::new("Ada".to_owned()), path, codec).await.expect("an answer");
    assert_eq!(answer.into_inner(), "Hello, Ada!");
    stop(served.process);
}

// Streams.

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
    let mut client = Client::connect(served.addr).await.expect("a connection");
    client.send(b"GET /prices HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await.expect("sent");
    let mut read = client.read_until(b"event: price\ndata: 100\n\n").await.expect("events");
    served.process.signal(Signal::TERM);
    let rest = client.rest().await;
    read.extend_from_slice(&rest.received);
    let is_whole = rest.is_eof() && read.ends_with(b"\n\n\r\n0\r\n\r\n");
    assert!(is_whole, "it does not end whole, behind an event: {rest:?}");
    stop(served.process);
}

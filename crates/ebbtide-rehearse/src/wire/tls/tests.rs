//! Reads and writes over a session, against a server of the same library that works byte by byte.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{TlsClients, TlsFailure};
use crate::scenario::{HostName, Protocol, RequestTemplate, Target, Trust};
use crate::wire::{Address, Socket};

type Served = StreamOwned<ServerConnection, TcpStream>;

/// Starts a server with a certificate for `localhost`; returns its address, what trusts it, and its thread.
fn server(
    protocols: &[&str],
    serve: impl FnOnce(&mut Served) + Send + 'static,
) -> (SocketAddr, Trust, JoinHandle<()>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = builder.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = Builder::new().spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let connection = ServerConnection::new(Arc::new(config)).unwrap();
        let mut served = StreamOwned::new(connection, stream);
        let sock = &mut served.sock;
        while served.conn.is_handshaking() {
            if served.conn.complete_io(sock).is_err() {
                return;
            }
        }
        serve(&mut served);
    });
    (address, Trust::pem(made.cert.pem().as_bytes()).unwrap(), thread.unwrap())
}

fn to(address: SocketAddr, trust: Trust, host: &str, protocol: Protocol) -> Address {
    let target = Target { tls: true, ..Target::tcp(host, address.port()) };
    let template = RequestTemplate { trust, protocol, ..RequestTemplate::default() };
    let clients = Arc::new(TlsClients::new(&template.trust));
    Address::new(address.into(), &target, &Arc::new(template), &clients)
}

async fn failure(to: &Address) -> Option<TlsFailure> {
    TlsFailure::of(&Socket::connect(to).await.unwrap_err())
}

#[tokio::test]
async fn long_texts_pass_in_both_directions() {
    let long = 3_000_000;
    let (address, trust, thread) = server(&[], move |served| {
        let mut read = vec![0; long];
        served.read_exact(&mut read).unwrap();
        served.write_all(&read).unwrap();
        served.conn.send_close_notify();
        let _sent = served.conn.complete_io(&mut served.sock);
    });
    let socket = Socket::connect(&to(address, trust, "localhost", Protocol::Http1)).await.unwrap();
    let sent: Vec<u8> = (0..long).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let (mut written, mut read) = (0, Vec::new());
    while written < long {
        match socket.try_write(&sent[written..]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => socket.writable().await.unwrap(),
            Err(error) => panic!("{error}"),
        }
    }
    while socket.try_flush().is_err() {
        socket.writable().await.unwrap();
    }
    let mut chunk = [0; 1000];
    loop {
        socket.readable().await.unwrap();
        match socket.try_read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => read.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(read == sent, "{} bytes came back", read.len());
    thread.join().unwrap();
}

#[tokio::test]
async fn tickets_are_not_unrequested_bytes_and_an_end_is_seen() {
    // The tickets of TLS 1.3 arrive after the handshake.
    for close_notify in [true, false] {
        let (tell, told) = std::sync::mpsc::channel();
        let (address, trust, thread) = server(&[], move |served| {
            served.write_all(b"x").unwrap();
            told.recv_timeout(Duration::from_secs(10)).unwrap();
            if close_notify {
                served.conn.send_close_notify();
                let _sent = served.conn.complete_io(&mut served.sock);
            }
            served.sock.shutdown(Shutdown::Write).unwrap();
        });
        let socket = Socket::connect(&to(address, trust, "localhost", Protocol::Http1)).await.unwrap();
        let mut byte = [0];
        loop {
            socket.readable().await.unwrap();
            if socket.try_read(&mut byte).is_ok() {
                break;
            }
        }
        assert!(socket.still_quiet() && !socket.is_at_end() && !socket.has_ended());
        tell.send(()).unwrap();
        socket.until_ended().await;
        assert!(!socket.still_quiet() && socket.is_at_end() && socket.has_ended());
        assert_eq!(socket.try_read(&mut byte).unwrap(), 0);
        thread.join().unwrap();
    }
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_have_the_name() {
    let http1 = Protocol::Http1;
    let nothing = |_: &mut Served| {};
    let (address, trust, _) = server(&[], nothing);
    assert_eq!(failure(&to(address, trust, "127.0.0.1", http1)).await, Some(TlsFailure::OtherName));
    let (address, ..) = server(&[], nothing);
    let other = server(&[], nothing).1;
    assert_eq!(failure(&to(address, other, "localhost", http1)).await, Some(TlsFailure::UnknownIssuer));
    let (address, ..) = server(&[], nothing);
    assert_eq!(
        failure(&to(address, Trust::default(), "localhost", http1)).await,
        Some(TlsFailure::UnknownIssuer)
    );
    let (address, ..) = server(&[], nothing);
    assert!(Socket::connect(&to(address, Trust::any(), "other.example", http1)).await.is_ok());
    // The name of the Host header is that of the certificate.
    let (address, trust, _) = server(&[], nothing);
    let target = Target { tls: true, ..Target::tcp("127.0.0.1", address.port()) };
    let host = Some(HostName::parse("localhost:80").unwrap());
    let template = RequestTemplate { trust, host, ..RequestTemplate::default() };
    let clients = Arc::new(TlsClients::new(&template.trust));
    let named = Address::new(address.into(), &target, &Arc::new(template), &clients);
    assert!(Socket::connect(&named).await.is_ok());
}

#[tokio::test]
async fn a_server_that_does_not_select_http2_is_named() {
    let http2 = Protocol::Http2 { streams: 1 };
    let nothing = |_: &mut Served| {};
    for (protocols, failed) in [
        (&["h2", "http/1.1"][..], None),
        (&["http/1.1"], Some(TlsFailure::NotHttp2)),
        (&[], Some(TlsFailure::NotHttp2)),
        (&["spdy/3"], Some(TlsFailure::NoProtocol)),
    ] {
        let (address, trust, _) = server(protocols, nothing);
        let opened = Socket::connect(&to(address, trust, "localhost", http2)).await;
        assert_eq!(opened.err().and_then(|error| TlsFailure::of(&error)), failed, "{protocols:?}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_named() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = Builder::new().spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _read = stream.read(&mut [0; 64]);
        let _written = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _rest = stream.read_to_end(&mut Vec::new());
    });
    let to = to(address, Trust::any(), "localhost", Protocol::Http1);
    assert_eq!(failure(&to).await, Some(TlsFailure::NotTls));
    thread.unwrap().join().unwrap();
}

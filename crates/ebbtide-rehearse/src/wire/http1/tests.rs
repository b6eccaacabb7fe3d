//! Servers that answer in odd ways, and close.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use http::{Method, Request};

use super::Http1Connection;
use crate::clock::At;
use crate::record::{Close, Framing, Outcome, digest};
use crate::scenario::{RequestTemplate, Route, Target};
use crate::wire::payload::Payload;
use crate::wire::{Address, Exchange, RequestResult, RequestSpec, Socket};

const PONG: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npong";

/// Connects to a server that serves one connection.
async fn serving<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (Http1Connection, JoinHandle<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let socket = Socket::connect(&to(listener.local_addr().unwrap())).await.unwrap();
    let served = Builder::new().spawn(move || serve(listener.accept().unwrap().0)).unwrap();
    (Http1Connection::on(socket, At::default()), served)
}

fn to(socket: SocketAddr) -> Address {
    let template = RequestTemplate { body: Some("x".repeat(100).into()), ..RequestTemplate::default() };
    Address::new(socket.into(), &Target::tcp("127.0.0.1", 80), &Arc::new(template), &Arc::default())
}

fn request(method: &Method) -> Request<Payload> {
    let route = Route { method: method.clone(), ..Route::get("/") };
    RequestSpec::plain(&route).request(&to(SocketAddr::from((Ipv4Addr::LOCALHOST, 1))), None).unwrap()
}

/// A request whose body is sent within `time`.
fn slow_request(time: Duration) -> Request<Payload> {
    let route = Route { method: Method::POST, ..Route::get("/") };
    let to = to(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    RequestSpec::slow(&route, time).request(&to, None).unwrap()
}

/// Reads up to the end of a head.
fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

async fn exchange(connection: &mut Http1Connection, request: Request<Payload>) -> RequestResult {
    match connection.exchange(request, true).await {
        Exchange::Ended(seen) => seen,
        Exchange::NotSent => panic!("nothing was sent"),
    }
}

#[tokio::test]
async fn a_response_is_read_by_its_framing_in_whatever_parts_it_comes() {
    for (method, response, status, framing, body, keeps) in [
        (Method::GET, PONG, 200, Framing::Length, "pong", true),
        (
            Method::GET,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npong\r\n0\r\nSum: 1\r\n\r\n",
            200,
            Framing::Chunked,
            "pong",
            true,
        ),
        (
            Method::GET,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
             HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno",
            404,
            Framing::Length,
            "no",
            false,
        ),
        (Method::GET, "HTTP/1.0 200 OK\r\n\r\npong", 200, Framing::Close, "pong", false),
        (Method::GET, "HTTP/1.1 204 No Content\r\n\r\n", 204, Framing::NoBody, "", true),
        (Method::HEAD, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n", 200, Framing::NoBody, "", true),
    ] {
        for parts in [1, 2, response.len()] {
            let (mut connection, served) = serving(move |mut stream| {
                read_head(&mut stream);
                for part in response.as_bytes().chunks(response.len().div_ceil(parts)) {
                    stream.write_all(part).unwrap();
                }
                if framing == Framing::Close {
                    stream.shutdown(Shutdown::Both).unwrap();
                }
                stream
            })
            .await;
            let seen = exchange(&mut connection, request(&method)).await;
            let answer = seen.answer.unwrap_or_else(|| panic!("{response:?}: {seen:?}"));
            assert_eq!(seen.outcome, Outcome::Answered { status }, "{response:?}");
            assert_eq!((answer.framing, answer.digest), (framing, digest(body.as_bytes())));
            assert_eq!((seen.body, seen.sent), (body.as_bytes().to_vec(), true));
            assert_eq!((answer.length, answer.keeps), (body.len() as u64, keeps), "{response:?}");
            assert_eq!(connection.kept().await, keeps, "{response:?}");
            served.join().unwrap();
        }
    }
}

#[tokio::test]
async fn the_end_of_a_connection_is_told_by_what_came_before_it() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";
    for close in [Close::Eof, Close::Reset] {
        for (response, outcome) in [
            (String::new(), Outcome::Unanswered { close }),
            ("HTTP/1.1 100 Continue\r\n\r\n".to_owned(), Outcome::Unanswered { close }),
            ("HTTP/1.1 200 OK\r\ncontent".to_owned(), Outcome::CutInHead { close }),
            (format!("{head}pong"), Outcome::CutInBody { close }),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npong\r\n".to_owned(),
                Outcome::CutInBody { close },
            ),
            ("SSH-2.0-x\r\n".to_owned(), Outcome::Malformed),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx".to_owned(), Outcome::Malformed),
        ] {
            let sent = response.clone();
            let (mut connection, served) = serving(move |mut stream| {
                read_head(&mut stream);
                stream.write_all(sent.as_bytes()).unwrap();
                if close == Close::Reset {
                    // The client has read what came: a close with a byte unread is a reset.
                    let mut unread = [0];
                    stream.peek(&mut unread).unwrap();
                }
            })
            .await;
            let method = if close == Close::Reset { Method::POST } else { Method::GET };
            let seen = exchange(&mut connection, request(&method)).await;
            served.join().unwrap();
            assert_eq!(seen.outcome, outcome, "{response:?} {close:?}");
            assert!(seen.answer.is_none() && seen.sent);
            let progress = seen.progress.map(|progress| (progress.done, progress.of));
            assert_eq!(progress, response.starts_with(head).then_some((4, 9)), "{response:?}");
        }
    }
}

#[tokio::test]
async fn a_body_without_a_length_that_a_reset_ends_is_cut() {
    let (mut connection, served) = serving(|mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\npo").unwrap();
        stream.peek(&mut [0]).unwrap();
    })
    .await;
    let seen = exchange(&mut connection, request(&Method::POST)).await;
    served.join().unwrap();
    assert_eq!(seen.outcome, Outcome::CutInBody { close: Close::Reset });
}

#[tokio::test]
async fn a_response_before_the_end_of_the_request_is_read_and_the_rest_is_sent_if_it_keeps_the_connection() {
    for close in ["", "connection: close\r\n"] {
        let (mut connection, served) = serving(move |mut stream| {
            read_head(&mut stream);
            write!(stream, "HTTP/1.1 200 OK\r\n{close}content-length: 0\r\n\r\n").unwrap();
            let mut body = Vec::new();
            let _ended = stream.take(100).read_to_end(&mut body);
            body.len()
        })
        .await;
        let seen = exchange(&mut connection, slow_request(Duration::from_millis(100))).await;
        assert_eq!(seen.outcome, Outcome::Answered { status: 200 });
        assert!(!seen.sent, "{seen:?}");
        assert_eq!(connection.kept().await, close.is_empty());
        drop(connection);
        let read = served.join().unwrap();
        assert_eq!(read == 100, close.is_empty(), "{read}");
    }
}

#[tokio::test]
async fn a_connection_with_bytes_that_no_request_asked_for_is_not_used_again() {
    let (mut connection, served) = serving(|mut stream| {
        read_head(&mut stream);
        stream.write_all(format!("{PONG}HTTP/1.1 408 Too Late\r\n\r\n").as_bytes()).unwrap();
        stream
    })
    .await;
    assert!(exchange(&mut connection, request(&Method::GET)).await.answer.is_some());
    // Both parts may come in one read or in two.
    assert!(!connection.kept().await || !connection.idle(Duration::from_secs(60)).await);
    assert!(!connection.still_open());
    drop(served.join().unwrap());
}

#[tokio::test]
async fn a_request_of_which_nothing_could_be_written_was_not_sent_on_a_kept_connection() {
    for fresh in [true, false] {
        let (mut connection, served) = serving(move |mut stream| {
            if !fresh {
                read_head(&mut stream);
                stream.write_all(PONG.as_bytes()).unwrap();
            }
            // A reset at the close.
            rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
        })
        .await;
        if !fresh {
            assert!(exchange(&mut connection, request(&Method::GET)).await.answer.is_some());
        }
        served.join().unwrap();
        connection.raw.socket.until_ended().await;
        assert!(!connection.still_open());
        let seen = connection.exchange(request(&Method::GET), false).await;
        match (fresh, seen) {
            (false, Exchange::NotSent) => {}
            (true, Exchange::Ended(seen)) => {
                assert_eq!(seen.outcome, Outcome::ClosedBeforeSend { close: Close::Reset });
                assert!(!seen.sent);
            }
            (_, seen) => panic!("{seen:?}"),
        }
    }
}

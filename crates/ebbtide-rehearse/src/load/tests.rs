//! The clients against servers that treat them badly.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use http::Method;

use super::{Load, LoadOrder};
use crate::clock::Clock;
use crate::record::{Close, Meaning, Outcome, Phase, Traffic};
use crate::scenario::{Fitted, LoadPlan, Route, SHORT_THINK, ShapePlan, Span, Target};
use crate::wire::Address;

const LONG: Duration = Duration::from_secs(30);

/// What a server does with the n-th request of a connection.
type Manners = fn(u64, u32) -> Deed;

enum Deed {
    Answer,
    /// Later than a connection may take to reach its phase.
    AnswerLate,
    AnswerAndClose,
    AnswerTwice,
    AnswerTwiceAndClose,
    Hang,
    Destroy,
    HalfHead,
    HalfBody,
}

/// How often the server saw each request's number.
type Seen = Arc<Mutex<HashMap<u64, u32>>>;

/// Starts a server that notes every request's number before it does anything else.
fn server(manners: Manners) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let notes = Arc::clone(&seen);
    thread::Builder::new()
        .spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let notes = Arc::clone(&notes);
                thread::Builder::new().spawn(move || serve(stream, &notes, manners)).unwrap();
            }
        })
        .unwrap();
    (address, seen)
}

fn serve(mut stream: TcpStream, seen: &Seen, manners: Manners) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    for nth in 1.. {
        let (mut id, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            match lines.read_line(&mut line) {
                Ok(length) if length > 0 => {}
                _ => return,
            }
            if let Some(number) = line.strip_prefix("x-ebbtide-request: ") {
                id = number.trim().parse().ok();
            }
            if let Some(number) = line.strip_prefix("content-length: ") {
                length = number.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        if lines.read_exact(&mut vec![0; length]).is_err() {
            return;
        }
        let id: u64 = id.expect("every request has a number");
        *seen.lock().unwrap().entry(id).or_default() += 1;
        if let Deed::AnswerLate = manners(id, nth) {
            thread::sleep(Duration::from_secs(1));
        }
        let answer: &[u8] = match manners(id, nth) {
            Deed::Answer | Deed::AnswerLate | Deed::AnswerAndClose => {
                b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
            }
            Deed::AnswerTwice => {
                b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno"
            }
            Deed::AnswerTwiceAndClose => {
                b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno"
            }
            Deed::Hang => return thread::sleep(Duration::from_secs(10)),
            Deed::Destroy => return,
            Deed::HalfHead => b"HTTP/1.1 200 OK\r\ncont",
            Deed::HalfBody => b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nok",
        };
        if stream.write_all(answer).is_err() {
            return;
        }
        match manners(id, nth) {
            Deed::AnswerAndClose | Deed::AnswerTwiceAndClose => {
                return thread::sleep(Duration::from_millis(5));
            }
            Deed::HalfHead | Deed::HalfBody => return,
            Deed::Answer | Deed::AnswerLate | Deed::AnswerTwice | Deed::Hang | Deed::Destroy => {}
        }
    }
}

/// Loads `address` for `time`.
fn load(address: SocketAddr, time: Duration) -> Traffic {
    load_thinking(address, SHORT_THINK, LONG, time)
}

fn load_thinking(address: SocketAddr, think: Span, request_limit: Duration, time: Duration) -> Traffic {
    load_along(Route::get("/"), address, think, request_limit, time)
}

fn load_along(
    route: Route,
    address: SocketAddr,
    think: Span,
    request_limit: Duration,
    time: Duration,
) -> Traffic {
    let shapes = vec![
        ShapePlan::Storm { clients: 4, rate: None, route: route.clone() },
        ShapePlan::Keepalive { clients: 4, think, route: route.clone() },
        ShapePlan::Open { rate: if think == SHORT_THINK { 200 } else { 0 }, route },
    ];
    let target = Target::tcp(address.ip().to_string(), address.port());
    let to = Address::new(address.into(), &target, &Arc::default(), &Arc::default());
    let plan = LoadPlan {
        shapes,
        request_limit,
        connect_limit: Duration::from_secs(5),
        bound: 100_000,
        fitted: Fitted::default(),
        phases: false,
        posts: false,
    };
    let order = LoadOrder { plan, addresses: vec![to; 3], held: Ok(Vec::new()), seed: 1 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let load = Load::start(order, Clock::start()).unwrap();
        tokio::time::sleep(time).await;
        load.stop().await.unwrap()
    })
}

#[test]
fn a_request_is_sent_once_even_when_its_connection_is_destroyed() {
    // Clients that retry do so for some methods only.
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
        is_sent_once(Route { method, ..Route::get("/") });
    }
}

#[track_caller]
fn is_sent_once(route: Route) {
    // Every third request loses its connection, on new connections and on reused ones.
    let (address, seen) = server(|id, _| if id % 3 == 0 { Deed::Destroy } else { Deed::Answer });
    let traffic = load_along(route, address, SHORT_THINK, LONG, Duration::from_millis(400));
    let seen = seen.lock().unwrap();
    assert!(traffic.requests.len() > 50, "{}", traffic.requests.len());
    assert!(seen.values().all(|count| *count == 1), "a request came twice: {seen:?}");
    for request in &traffic.requests {
        assert_eq!(seen.get(&request.id), Some(&1), "{request:?}");
        let lost = matches!(request.meaning(), Meaning::Lost | Meaning::Ambiguous);
        assert_eq!(lost, request.id % 3 == 0, "{request:?}");
    }
    assert!(traffic.requests.iter().any(|request| !request.fresh && request.meaning() == Meaning::Ambiguous));
}

#[test]
fn each_way_to_lose_a_response_is_distinguished() {
    let (address, _) = server(|id, _| match id % 5 {
        0 => Deed::Answer,
        1 => Deed::Destroy,
        2 => Deed::HalfHead,
        3 => Deed::HalfBody,
        _ => Deed::Hang,
    });
    let limit = Duration::from_secs(2);
    let traffic = load_thinking(address, SHORT_THINK, limit, limit * 2);
    for request in &traffic.requests {
        let as_served = match request.id % 5 {
            0 => request.outcome == Outcome::Answered { status: 200 },
            1 => matches!(request.outcome, Outcome::Unanswered { .. }),
            2 => matches!(request.outcome, Outcome::CutInHead { .. }),
            3 => matches!(request.outcome, Outcome::CutInBody { .. }),
            _ => request.outcome == Outcome::TimedOut,
        };
        assert!(as_served, "{request:?}");
    }
    assert!(traffic.requests.iter().any(|request| request.outcome == Outcome::TimedOut));
}

#[test]
fn a_connection_closed_while_idle_is_not_a_loss() {
    // One answer per connection, then a close that was not announced, long before the client has done thinking.
    let (address, _) = server(|_, nth| if nth == 1 { Deed::AnswerAndClose } else { Deed::Destroy });
    let thought = Span { least: Duration::from_secs(1), most: Duration::from_secs(1) };
    // How long until a client has a connection that closes while it thinks depends on the machine; that none is a loss does not.
    let idle_closed = [1500, 3000, 6000, 12_000].into_iter().map(Duration::from_millis).any(|time| {
        let traffic = load_thinking(address, thought, LONG, time);
        let lost: Vec<_> =
            traffic.requests.iter().filter(|request| request.meaning() != Meaning::Served).collect();
        assert!(lost.is_empty(), "{lost:?}");
        traffic.idle_closed > 0
    });
    assert!(idle_closed, "no connection was closed while idle");
}

#[test]
fn a_request_whose_connection_reaches_its_phase_too_late_is_recorded_as_what_it_is() {
    let held = [Phase::Idle, Phase::SecondHalfSent, Phase::HalfRead];
    for (manners, outcome) in [
        ((|_, _| Deed::AnswerLate) as Manners, Outcome::Answered { status: 200 }),
        (
            (|_, nth| if nth == 1 { Deed::Destroy } else { Deed::Answer }) as Manners,
            Outcome::Unanswered { close: Close::Eof },
        ),
    ] {
        let (address, seen) = server(manners);
        let traffic = hold(address, &held);
        let ids: Vec<u64> = traffic.requests.iter().map(|request| request.id).collect();
        let mut asked: Vec<u64> = seen.lock().unwrap().keys().copied().collect();
        asked.sort_unstable();
        assert_eq!(asked.len(), held.len());
        assert!(asked.iter().all(|id| ids.contains(id)), "asked {asked:?}, recorded {ids:?}");
        assert!(traffic.requests.iter().all(|request| request.outcome == outcome), "{:?}", traffic.requests);
        assert!(traffic.held.iter().all(|held| held.held.is_err()), "{:?}", traffic.held);
    }
}

#[test]
fn bytes_that_no_request_asked_for_are_the_response_to_none() {
    let (address, _) = server(|_, _| Deed::AnswerTwice);
    let traffic = load(address, Duration::from_millis(300));
    assert!(traffic.unasked > 0 && traffic.idle_closed == 0, "{traffic:?}");
    assert!(traffic.requests.iter().all(|request| request.fresh), "each connection carries one request");
    let traffic = hold(address, &[Phase::Idle]);
    assert!(traffic.unasked == 1 && traffic.held.iter().all(|held| held.closed_unused), "{traffic:?}");
    assert_eq!(traffic.requests.len(), 1, "the first request of the connection");
}

#[test]
fn bytes_behind_a_response_that_closes_its_connection_are_counted_as_well() {
    let (address, _) = server(|_, _| Deed::AnswerTwiceAndClose);
    let traffic = load(address, Duration::from_millis(300));
    assert!(traffic.unasked > 0 && traffic.idle_closed == 0, "{traffic:?}");
    assert!(traffic.requests.iter().all(|request| request.meaning() == Meaning::Served), "{traffic:?}");
    // The opposites: nothing is behind the response.
    for manners in [(|_, _| Deed::Answer) as Manners, |_, _| Deed::AnswerAndClose] {
        let (address, _) = server(manners);
        assert_eq!(load(address, Duration::from_millis(300)).unasked, 0);
    }
}

/// Holds a connection in each of `phases` across a signal.
fn hold(address: SocketAddr, phases: &[Phase]) -> Traffic {
    let target = Target::tcp(address.ip().to_string(), address.port());
    let to = Address::new(address.into(), &target, &Arc::default(), &Arc::default());
    let held = phases.iter().map(|phase| (*phase, Ok((Route::get("/"), to.clone())))).collect();
    let plan = LoadPlan { shapes: Vec::new(), fitted: Fitted::default(), ..LoadPlan::default() };
    let order = LoadOrder { plan, addresses: Vec::new(), held: Ok(held), seed: 1 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let load = Load::start(order, Clock::start()).unwrap();
        load.brace();
        tokio::time::sleep(Duration::from_millis(300)).await;
        load.signalled();
        tokio::time::sleep(Duration::from_millis(300)).await;
        load.stop().await.unwrap()
    })
}

#[test]
fn a_port_without_a_listener_is_only_a_refusal() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let traffic = load(address, Duration::from_millis(200));
    assert!(!traffic.requests.is_empty());
    assert!(traffic.requests.iter().all(|request| request.outcome == Outcome::Refused));
}

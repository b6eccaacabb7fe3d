//! Each fault has its documented effect, and the service without it does not.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use ebbtide_demo::queue::Left;
use rustix::process::Signal;

use super::client::{get, order, receive, send};
use super::process::{Demo, Ended, folder, last_line};
use super::table;

/// Stops a service that has accepted an order. Returns its outcome, the order's state, and the last line of the log.
fn stopped(options: &[&str]) -> (Ended, String, String) {
    let folder = folder();
    let demo = Demo::start(&folder, options);
    let id = order(demo.address);
    demo.wait_until_begun(&id);
    let ended = demo.stopped();
    let state = table::orders(&folder).remove(&id).expect("an order that was answered is stored");
    (ended, state, last_line(&folder))
}

fn trouble(component: &str, outcome: &str) -> Vec<(String, String)> {
    vec![(component.to_owned(), outcome.to_owned())]
}

#[test]
fn without_a_fault_everything_drains_and_the_log_is_whole() {
    let (ended, state, last) = stopped(&[]);
    assert_eq!((ended.code, ended.undrained, state.as_str()), (Some(0), vec![], "done"));
    assert!(last.contains("lifecycle exited"), "{last}");
}

#[test]
fn stuck_worker_is_cancelled_and_leaves_its_order_in_processing() {
    let (ended, state, last) = stopped(&["--fault", "stuck-worker"]);
    assert_eq!(
        (ended.code, ended.undrained, state.as_str()),
        (Some(3), trouble("orders", "cancelled"), "processing")
    );
    assert!(last.contains("lifecycle exited"), "{last}");
}

#[test]
fn blocked_runtime_is_ended_by_the_watchdog() {
    let (ended, _, last) = stopped(&["--fault", "blocked-runtime"]);
    assert_eq!(ended.code, Some(4), "{}", ended.said.join("\n"));
    let stuck =
        ended.said.iter().any(|line| line.contains("waiting for: ") && line.contains("blocked runtime"));
    assert!(stuck && last.contains("lifecycle exited"), "{last}\n{}", ended.said.join("\n"));
}

#[test]
fn slow_close_is_cancelled_and_named() {
    let (ended, state, _) = stopped(&["--fault", "slow-close"]);
    assert_eq!(
        (ended.code, ended.undrained, state.as_str()),
        (Some(3), trouble("slow courier", "cancelled"), "done")
    );
}

#[test]
fn keep_jobs_leaves_jobs_pushed_after_the_signal_leased() {
    for (options, keeps) in
        [(["--lame-duck", "1s"].as_slice(), false), (&["--lame-duck", "1s", "--fault", "keep-jobs"], true)]
    {
        let folder = folder();
        let mut demo = Demo::start(&folder, options);
        demo.terminate();
        // The consumer may still fetch the first one before it is signalled.
        (0..3).for_each(|_| drop(order(demo.address)));
        assert_eq!(demo.ended().code, Some(0));
        let Left { waiting, leased, .. } = table::left(&table::sqlite(&folder));
        let leased = leased.unwrap_or_default();
        assert!(waiting + leased > 0, "{options:?}: none came after the signal");
        assert_eq!(leased > 0, keeps, "{options:?}: {waiting} waiting, {leased} leased");
    }
}

#[test]
fn leak_connection_keeps_the_database_from_closing() {
    let (ended, state, _) = stopped(&["--fault", "leak-connection"]);
    assert_eq!(
        (ended.code, ended.undrained, state.as_str()),
        (Some(3), trouble("database", "cancelled"), "done")
    );
}

#[test]
fn lose_log_loses_the_last_line_and_nothing_else() {
    let (ended, state, last) = stopped(&["--fault", "lose-log"]);
    assert_eq!((ended.code, ended.undrained, state.as_str()), (Some(0), vec![], "done"));
    assert!(ended.said.iter().any(|line| line.contains("lifecycle exited")));
    assert!(!last.contains("lifecycle exited"), "{last}");
}

#[test]
fn ignore_signal_keeps_serving_after_the_signal() {
    let folder = folder();
    let demo = Demo::start(&folder, &["--fault", "ignore-signal"]);
    for signal in [Signal::TERM, Signal::INT, Signal::TERM] {
        demo.signal(signal);
        assert_eq!(get(demo.address, "/readyz").expect("answered").status, 200);
    }
    demo.signal(Signal::KILL);
    assert_eq!(demo.ended().code, None);
}

#[test]
fn exit_early_drops_what_is_in_flight_and_claims_success() {
    let folder = folder();
    let demo = Demo::start(&folder, &["--fault", "exit-early"]);
    let slow = send(demo.address, "GET", "/slow?ms=1000", None).expect("sent");
    get(demo.address, "/ping").expect("answered");
    let ended = demo.stopped();
    assert!(receive(slow).is_err(), "without the fault it is answered: see `stop`");
    assert_eq!(ended.code, Some(0));
    assert!(!last_line(&folder).contains("lifecycle exited"));
}

#[test]
fn no_readiness_flip_stays_green_after_the_signal() {
    let folder = folder();
    let mut demo = Demo::start(&folder, &["--fault", "no-readiness-flip", "--lame-duck", "1s"]);
    demo.terminate();
    assert_eq!(get(demo.address, "/readyz").expect("answered").status, 200);
    assert_eq!(demo.ended().code, Some(0));
}

#[test]
fn close_listener_refuses_clients_at_once() {
    let folder = folder();
    // It overrides the lame duck.
    let mut demo = Demo::start(&folder, &["--fault", "close-listener", "--lame-duck", "1s"]);
    let ping = "GET /ping HTTP/1.1\r\nHost: demo\r\n\r\n";
    let mut answer = [0; 4096];
    let mut ask = |request: String| {
        let mut stream = TcpStream::connect(demo.address).expect("connected");
        stream.write_all(request.as_bytes()).expect("sent");
        let read = stream.read(&mut answer).expect("answered");
        let answer = &answer[..read];
        assert!(answer.ends_with(b"pong") && !answer.windows(5).any(|bytes| bytes == b"close"));
        stream
    };
    // The response to the earlier request proves that this request has been read.
    let slow = "GET /slow?ms=1500 HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n";
    let slow = ask(format!("{ping}{slow}"));
    let mut idle = ask(ping.to_owned());

    demo.terminate();
    // The client neither received `Connection: close` nor had time for another request.
    assert_eq!(idle.read(&mut answer).expect("closed"), 0);
    assert!(TcpStream::connect(demo.address).is_err(), "the listener is still open");
    assert_eq!(receive(slow).expect("answered").status, 200);
    assert_eq!(demo.ended().code, Some(0));
}

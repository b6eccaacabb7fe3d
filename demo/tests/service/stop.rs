use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use super::client::{Load, get, order, receive, send};
use super::process::{Demo, folder, last_line};
use super::table;

#[test]
fn after_a_graceful_stop_each_order_that_was_answered_is_done_or_waits_for_the_next_process() {
    let folder = folder();
    let demo = Demo::start(&folder, &[]);
    let load = Load::start(demo.address, 16);
    load.wait_for(100);
    let ended = demo.stopped();
    let (answered, table) = (load.answered(), table::orders(&folder));
    assert_eq!((ended.code, ended.troubled), (Some(0), vec![]), "{}", ended.said.join("\n"));
    assert!(answered.iter().all(|id| table.contains_key(id)) && table.len() == answered.len());
    assert!(table::assert_none_half_way(table.values(), &table::sqlite(&folder)) > 0);
    assert!(last_line(&folder).contains("lifecycle exited"), "{}", last_line(&folder));
}

/// A handler is dropped with its connection, at any of its awaits.
#[test]
fn a_client_that_hangs_up_leaves_no_order_half_done() {
    let folder = folder();
    let demo = Demo::start(&folder, &[]);
    for pause in 0..200 {
        let stream = send(demo.address, "POST", "/orders", Some(r#"{"item": "tea"}"#)).expect("sent");
        // Hang up at all points between the first byte and the answer.
        sleep(Duration::from_micros(pause * 20));
        drop(stream);
    }
    assert_eq!(demo.stopped().code, Some(0));
    let table = table::orders(&folder);
    assert!(!table.is_empty());
    table::assert_none_half_way(table.values(), &table::sqlite(&folder));
}

#[test]
fn requests_in_flight_and_new_ones_are_answered_after_the_signal() {
    let folder = folder();
    let mut demo = Demo::start(&folder, &["--lame-duck", "1s"]);
    let slow = send(demo.address, "GET", "/slow?ms=1000", None).expect("sent");
    // The next answer tells that the slow request has been read.
    get(demo.address, "/ping").expect("answered");
    demo.terminate();
    assert_eq!(get(demo.address, "/readyz").expect("answered").status, 503);
    assert_eq!(get(demo.address, "/livez").expect("answered").status, 200);
    order(demo.address);
    assert_eq!(receive(slow).expect("answered").body, "answered after 1000 ms\n");
    assert_eq!(demo.ended().code, Some(0));
    // Its consumer had stopped taking jobs: this one is the next process's.
    assert_eq!(table::orders(&folder).values().collect::<Vec<_>>(), ["queued"]);
    assert_eq!(table::left(&table::sqlite(&folder)).waiting, 1);

    let next = Demo::start(&folder, &[]);
    next.wait_until_done(1);
    assert_eq!(next.stopped().code, Some(0));
    assert!(table::left(&table::sqlite(&folder)).is_none());
}

#[test]
fn a_temporary_folder_is_gone_with_the_service() {
    let elsewhere = folder();
    let demo = Demo::launch(&[], &[("TMPDIR", elsewhere.path().to_str().expect("a plain path"))]);
    let left = || std::fs::read_dir(elsewhere.path()).expect("a folder").count();
    assert_eq!((left(), demo.stopped().code, left()), (1, Some(0), 0));
}

#[test]
fn a_temporary_folder_is_gone_when_the_watchdog_or_a_second_signal_ends_the_service() {
    for (signals, code) in [(1, Some(4)), (2, None)] {
        let elsewhere = folder();
        let temporary = [("TMPDIR", elsewhere.path().to_str().expect("a plain path"))];
        let mut demo = Demo::launch(&["--fault", "blocked-runtime"], &temporary);
        let left = || std::fs::read_dir(elsewhere.path()).expect("a folder").count();
        assert_eq!(left(), 1);
        demo.terminate();
        if signals == 2 {
            // The guard time, in which it would be a duplicate of the first.
            sleep(Duration::from_millis(300));
            demo.signal(Signal::TERM);
        }
        assert_eq!((demo.ended().code, left()), (code, 0));
    }
}

//! A graceful stop, and a crash: what they leave behind, and how the next start recovers it. Also with the queue in Redis: the server
//! is the one that `EBBTIDE_TEST_REDIS` names.

use std::thread::sleep;
use std::time::Duration;

use ebbtide_demo::queue::{Left, QueueKind, QueuePlace};
use rustix::process::Signal;

use super::client::{Load, get, order, receive, send};
use super::process::{Demo, folder, last_line};
use super::table;

#[test]
fn after_a_graceful_shutdown_each_answered_order_is_done_or_queued() {
    let folder = folder();
    // A busy disk takes seconds for the orders in flight.
    let demo = Demo::start(&folder, &["--grace", "60s"]);
    let load = Load::start(demo.address, 16);
    load.wait_for(100);
    let ended = demo.stopped();
    let (answered, table) = (load.answered(), table::orders(&folder));
    assert_eq!((ended.code, ended.undrained), (Some(0), vec![]), "{}", ended.said.join("\n"));
    assert!(answered.iter().all(|id| table.contains_key(id)) && table.len() == answered.len());
    assert!(table::assert_none_half_way(table.values(), &table::sqlite(&folder)) > 0);
    assert!(last_line(&folder).contains("lifecycle exited"), "{}", last_line(&folder));
    let complaints: Vec<_> = ended
        .said
        .iter()
        .filter(|line| [" WARN ", " ERROR "].iter().any(|level| line.contains(level)))
        .collect();
    assert_eq!(complaints, [""; 0], "a normal run has nothing to warn of");
}

/// A handler is dropped with its connection, at any of its awaits.
#[test]
fn a_client_that_disconnects_leaves_no_order_without_a_job() {
    let folder = folder();
    // Two hundred orders are written one after the other, which takes seconds on a busy disk.
    let demo = Demo::start(&folder, &["--grace", "60s"]);
    for pause in 0..200 {
        let stream = send(demo.address, "POST", "/orders", Some(r#"{"item": "tea"}"#)).expect("sent");
        // Hang up at all points between the first byte and the answer.
        sleep(Duration::from_micros(pause * 20));
        drop(stream);
    }
    let ended = demo.stopped();
    assert_eq!((ended.code, ended.undrained), (Some(0), vec![]), "{}", ended.said.join("\n"));
    let table = table::orders(&folder);
    assert!(!table.is_empty());
    table::assert_none_half_way(table.values(), &table::sqlite(&folder));
}

#[test]
fn in_flight_and_new_requests_are_answered_after_the_signal() {
    let folder = folder();
    let mut demo = Demo::start(&folder, &["--lame-duck", "1s"]);
    let slow = send(demo.address, "GET", "/slow?ms=1000", None).expect("sent");
    // The next response proves that the slow request has been read.
    get(demo.address, "/ping").expect("answered");
    demo.terminate();
    assert_eq!(get(demo.address, "/readyz").expect("answered").status, 503);
    assert_eq!(get(demo.address, "/livez").expect("answered").status, 200);
    order(demo.address);
    assert_eq!(receive(slow).expect("answered").body, "answered after 1000 ms\n");
    assert_eq!(demo.ended().code, Some(0));
    // The consumer has stopped fetching jobs: the next process runs this one.
    assert_eq!(table::orders(&folder).values().collect::<Vec<_>>(), ["queued"]);
    assert_eq!(table::left(&table::sqlite(&folder)).waiting, 1);

    let next = Demo::start(&folder, &[]);
    next.wait_until_done(1);
    assert_eq!(next.stopped().code, Some(0));
    assert!(table::left(&table::sqlite(&folder)).is_none());
}

#[test]
fn a_temporary_folder_is_removed_at_exit() {
    let elsewhere = folder();
    let demo = Demo::launch(&[], &[("TMPDIR", elsewhere.path().to_str().expect("a plain path"))]);
    let left = || std::fs::read_dir(elsewhere.path()).expect("a folder").count();
    assert_eq!((left(), demo.stopped().code, left()), (1, Some(0), 0));
}

#[test]
fn a_temporary_folder_is_removed_by_the_watchdog_and_by_a_second_signal() {
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

#[test]
fn orders_answered_before_a_crash_are_processed_by_the_next_start() {
    let folder = folder();
    // One job never finishes, so that the crash always leaves an unprocessed order.
    let demo = Demo::start(&folder, &["--fault", "stuck-worker"]);
    let stuck = order(demo.address);
    demo.wait_until_begun(&stuck);
    let load = Load::start(demo.address, 16);
    load.wait_for(100);
    demo.signal(Signal::KILL);
    assert_eq!(demo.ended().code, None);
    let answered = load.answered();

    let left = table::orders(&folder);
    assert_eq!(left.get(&stuck).map(String::as_str), Some("processing"));
    assert!(answered.iter().all(|id| left.contains_key(id)), "an order was answered and not stored");
    assert!(!last_line(&folder).contains("lifecycle exited"));

    let demo = Demo::start(&folder, &[]);
    assert_eq!(get(demo.address, "/readyz").expect("answered").status, 200);
    // Leased jobs are redelivered when their lease expires.
    demo.wait_until_done(left.len() as u64);
    assert_eq!((demo.stopped().code, table::orders(&folder).len()), (Some(0), left.len()));
    assert!(table::left(&table::sqlite(&folder)).is_none());
}

/// A crash between the insert and the push, and one between the push and its record.
#[test]
fn an_order_without_a_job_gets_one_at_the_next_start_and_two_jobs_process_it_once() {
    let folder = folder();
    assert_eq!(Demo::start(&folder, &[]).stopped().code, Some(0));
    let orders = format!("sqlite://{}/orders.db", folder.path().display());
    for id in ["one", "two"] {
        let row =
            format!("INSERT INTO orders (id, item, quantity, state) VALUES ('{id}', 'tea', 1, 'stored')");
        table::execute(&orders, &row);
    }
    table::push(&table::sqlite(&folder), "two");

    let demo = Demo::start(&folder, &[]);
    assert!(demo.has_said("stored orders without a job"));
    demo.wait_until_done(2);
    assert_eq!(demo.stopped().code, Some(0));
    assert!(table::left(&table::sqlite(&folder)).is_none());
    let log = std::fs::read_to_string(folder.path().join("demo.log")).expect("a log");
    assert_eq!(log.lines().filter(|line| line.contains("order done")).count(), 2, "{log}");
}

#[test]
fn a_job_without_an_order_is_dead_lettered() {
    let folder = folder();
    let mut demo = Demo::start(&folder, &[]);
    table::push(&table::sqlite(&folder), "nobody's");
    demo.wait_for("does not exist");
    assert_eq!(demo.stopped().code, Some(0));
    assert_eq!(table::left(&table::sqlite(&folder)), Left { waiting: 0, leased: Some(0), dead_lettered: 1 });
}

/// If the orders are removed with their folder, so are the remaining jobs, and no other service runs them.
#[test]
fn on_a_broker_the_queue_of_temporary_orders_is_temporary() {
    let redis = std::env::var("EBBTIDE_TEST_REDIS").unwrap_or_else(|_| QueueKind::Redis.url());
    let environment = [("REDIS_URL", redis.as_str())];
    let elsewhere = folder();
    let temporary = elsewhere.path().to_str().expect("a plain path");
    let options = ["--queue", "redis", "--lame-duck", "1s"];
    let mut demo = Demo::launch(&options, &[environment.as_slice(), &[("TMPDIR", temporary)]].concat());
    let data =
        std::fs::read_dir(elsewhere.path()).expect("a folder").next().expect("the data").expect("read");
    let name = data.file_name().to_string_lossy().into_owned();
    let place = QueuePlace { name, ..table::place(QueueKind::Redis, redis.clone()) };
    demo.terminate();
    order(demo.address);
    assert_eq!(table::left(&place).waiting, 1);
    let ended = demo.ended();
    assert_eq!((ended.code, ended.undrained), (Some(0), vec![]), "{}", ended.said.join("\n"));
    // Counting creates an empty queue.
    assert!(table::left(&place).is_none());
    table::runtime().block_on(place.remove()).expect("removed");
}

use ebbtide_demo::queue::Left;
use rustix::process::Signal;

use super::client::{Load, get, order};
use super::process::{Demo, folder, last_line};
use super::table;

#[test]
fn what_was_answered_before_a_crash_is_done_by_the_next_start() {
    let folder = folder();
    // One job never ends, so that the crash leaves an order behind for certain.
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
    // What was in hand comes back when its lease runs out.
    demo.wait_until_done(left.len() as u64);
    assert_eq!((demo.stopped().code, table::orders(&folder).len()), (Some(0), left.len()));
    assert!(table::left(&table::sqlite(&folder)).is_none());
}

/// A crash between the row and the push, and one between the push and its note.
#[test]
fn an_order_without_a_job_gets_one_at_the_next_start_and_two_jobs_work_it_off_once() {
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
fn a_job_without_an_order_is_buried() {
    let folder = folder();
    let mut demo = Demo::start(&folder, &[]);
    table::push(&table::sqlite(&folder), "nobody's");
    demo.wait_for("--queue-name");
    assert_eq!(demo.stopped().code, Some(0));
    assert_eq!(table::left(&table::sqlite(&folder)), Left { waiting: 0, leased: Some(0), buried: 1 });
}

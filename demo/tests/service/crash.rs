use rustix::process::Signal;

use super::client::{get, order};
use super::load::Load;
use super::process::{Demo, folder, last_line};
use super::table;

#[test]
fn what_was_answered_before_a_crash_is_done_by_the_next_start() {
    let folder = folder();
    // One job never ends, so that the crash leaves an order behind for certain.
    let demo = Demo::start(&folder, &["--fault", "stuck-worker"]);
    let stuck = order(demo.address);
    let load = Load::start(demo.address, 16);
    load.wait_for(100);
    demo.signal(Signal::KILL);
    assert_eq!(demo.ended().code, None);
    let answered = load.answered();

    let left = table::orders(&folder);
    assert_eq!(left.get(&stuck).map(String::as_str), Some("processing"));
    assert!(answered.iter().all(|id| left.contains_key(id)), "an order was answered and not stored");
    assert!(!last_line(&folder).contains("lifecycle exited"));

    let mut demo = Demo::start(&folder, &[]);
    assert_eq!(get(demo.address, "/readyz").expect("answered").status, 200);
    demo.terminate();
    let ended = demo.ended();
    assert!(
        ended.said.iter().any(|line| line.contains("left orders unfinished")),
        "{}",
        ended.said.join("\n")
    );
    let done = table::orders(&folder);
    assert_eq!((ended.code, done.len()), (Some(0), left.len()));
    assert!(done.values().all(|state| state == "done"), "{done:?}");
}

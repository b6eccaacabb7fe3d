//! The same service with its queue in Redis. The server is the one that `EBBTIDE_TEST_REDIS` names.

use ebbtide_demo::queue::{QueueKind, QueuePlace};

use super::client::order;
use super::process::{Demo, folder};
use super::table;

/// Where the orders go with their folder, what is left of the queue goes with them, and no other service sees it.
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
    assert_eq!((ended.code, ended.troubled), (Some(0), vec![]), "{}", ended.said.join("\n"));
    // Asking makes an empty one.
    assert!(table::left(&place).is_none());
    table::runtime().block_on(place.remove()).expect("removed");
}

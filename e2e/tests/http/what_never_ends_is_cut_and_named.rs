//! A handler that never ends is cut at the deadline: the process goes in time, says whom it cut, and does not call it success.

use std::time::Duration;

use ebbtide_e2e::{Client, Served};

const GRACE: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_the_deadline_with_exit_code_3_and_its_name_while_others_are_answered() {
    let mut served = Served::shapes(&[], "8s", "0s");
    let mut never = Client::connect(served.addr).await.expect("it listens");
    never.get("/never?secret=1").await.expect("it reads");
    let mut slow = Client::connect(served.addr).await.expect("it listens");
    slow.get("/slow?ms=1000").await.expect("it reads");
    served.process.says("asked for /never");
    served.terminate();
    assert_eq!(slow.answer().await.expect("what ends in time is answered").body, b"done");
    let ended = served.ended(GRACE).await;
    ended.code(3).said("GET /never").never_said("secret");
    assert!(!never.answer().await.is_ok_and(|answer| answer.is_ok()), "it has no answer to give");
}

/// The opposite: a plain axum server waits for it until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_axum_server_outlives_its_grace_period() {
    let mut served = Served::peer();
    let mut never = Client::connect(served.addr).await.expect("it listens");
    never.get("/never").await.expect("it reads");
    served.process.says("asked for /never");
    served.terminate();
    assert!(served.ended_or_not(GRACE).await.is_none(), "it ended");
}

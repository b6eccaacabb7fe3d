//! The dependencies of a service decide whether it is ready.
//!
//! A service that starts before its dependency waits for it, logs that, and can be stopped meanwhile.
//!
//! The service is ready while its named checks are green. A critical check that stays red begins the shutdown and is its cause.
#![expect(clippy::expect_used, clippy::panic, reason = "a helper that fails fails its test")]

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use ebbtide_http1::client::Client;
use ebbtide_tests::{Ended, Process, ReportFile, Served, free_port, service};
use rustix::process::Signal;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

// Start-up.

const PATIENCE: Duration = Duration::from_secs(30);

/// Returns an address at which nothing listens.
fn nobody() -> String {
    format!("127.0.0.1:{}", free_port())
}

fn start(addr: &str, how: &str) -> Process {
    start_with(addr, how, &ReportFile::new())
}

fn start_with(addr: &str, how: &str, report: &ReportFile) -> Process {
    let mut command = service("waits");
    command.args([addr, how]).env("EBBTIDE_GRACE", "20s").env("EBBTIDE_REPORT", report.path());
    Process::start(&mut command)
}

/// Stops the service while it waits. A start-up that the signal did not end would be abandoned at the deadline.
fn ended_by_the_signal(mut waits: Process, report: &ReportFile) -> Ended {
    waits.signal(Signal::TERM);
    let ended = waits.ended(PATIENCE).expect("the process does not exit");
    ended.code(0).said("closed first").never_said("opened second");
    let report = report.read();
    assert!(report.stop * 2 < report.plan.deadline, "the shutdown took {:?}", report.stop);
    ended
}

#[test]
fn a_dependency_that_starts_later_is_awaited_and_each_attempt_is_logged() {
    let addr = nobody();
    let mut waits = start(&addr, "often");
    waits.says("attempt=2");
    let listener = std::net::TcpListener::bind(&addr).expect("the port is free");
    let (mut stream, _) = listener.accept().expect("a connection");
    stream.write_all(b"!").expect("connected");
    waits.says("phase=ready");
    waits.signal(Signal::TERM);
    let ended = waits.ended(PATIENCE).expect("the process does not exit");
    ended
        .code(0)
        .said("attempt failed; retrying")
        .said("waiting_for=\"greeter\"")
        .said("refused")
        .said("next_in=");
    ended.said("attempt succeeded after retries").said("closed second").said("closed first");
}

#[test]
fn a_signal_ends_the_wait_for_the_next_attempt_and_closes_what_was_opened() {
    // The next attempt would come in fifteen seconds or more.
    let report = ReportFile::new();
    let waits = start_with(&nobody(), "seldom", &report);
    waits.says("attempt=1");
    ended_by_the_signal(waits, &report).never_said("attempt=2");
}

#[test]
fn a_signal_ends_an_attempt_that_gets_no_response() {
    let (silent, report) = (std::net::TcpListener::bind("127.0.0.1:0").expect("a port"), ReportFile::new());
    let address = silent.local_addr().expect("its address").to_string();
    let waits = start_with(&address, "often", &report);
    let held = silent.accept().expect("a connection");
    ended_by_the_signal(waits, &report);
    drop(held);
}

#[test]
fn attempts_that_are_used_up_fail_the_start_up() {
    let mut waits = start(&nobody(), "thrice");
    let ended = waits.ended(PATIENCE).expect("the process does not exit");
    ended.code(1).said("gave up on greeter after 3 attempts").said("refused").said("closed first");
    ended.never_said("attempt=3").never_said("opened second");
}

#[test]
fn the_opposite_a_manual_retry_loop_is_killed_by_the_signal_and_closes_nothing() {
    let mut waits = start(&nobody(), "by-hand");
    waits.says("not there yet");
    waits.signal(Signal::TERM);
    let ended = waits.ended(PATIENCE).expect("the process does not exit");
    ended.by_signal(Signal::TERM).never_said("closed first");
}

// Readiness.

const LONG: Duration = Duration::from_secs(20);
/// Longer than the critical check's limit and its runs together.
const PAST_CRITICAL: Duration = Duration::from_millis(1500);

/// A dependency of the service. It accepts connections while it is available.
struct Dependency {
    addr: SocketAddr,
    accepting: JoinSet<()>,
}

impl Dependency {
    fn away() -> Self {
        Self { addr: ([127, 0, 0, 1], free_port()).into(), accepting: JoinSet::new() }
    }

    async fn there() -> Self {
        let mut dependency = Self::away();
        dependency.comes().await;
        dependency
    }

    async fn comes(&mut self) {
        let listener = TcpListener::bind(self.addr).await.expect("the port is free");
        self.accepting.spawn(async move {
            loop {
                drop(listener.accept().await);
            }
        });
    }

    async fn goes(&mut self) {
        self.accepting.shutdown().await;
    }
}

/// The service under test, and the address of its health listener.
struct Checked {
    served: Served,
    health: SocketAddr,
}

impl Checked {
    fn start(dependency: &Dependency, kind: &str, report: Option<&std::path::Path>) -> Self {
        let mut command = service("checked");
        command.args([&dependency.addr.to_string(), kind]);
        command.env("EBBTIDE_GRACE", "10s").env("EBBTIDE_LAME_DUCK", "500ms");
        if let Some(report) = report {
            command.env("EBBTIDE_REPORT", report);
        }
        let served = Served::start(&mut command);
        let health = served.process.says_after("health on ").parse().expect("an address");
        served.process.says("phase=ready");
        Self { served, health }
    }

    /// Waits until readiness returns this status and word.
    async fn is(&self, status: u16, word: &str) {
        let wait = async {
            while ask(self.health, "/readyz").await != (status, format!("{word}\n")) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let said = tokio::time::timeout(LONG, wait).await;
        said.unwrap_or_else(|_| panic!("never became {word}:\n{}", self.served.process.output()));
    }
}

/// Sends one request on a separate connection.
async fn ask(addr: SocketAddr, path: &str) -> (u16, String) {
    let mut client = Client::connect(addr).await.expect("connected");
    client.get(path).await.expect("the request is sent");
    let answer = client.response().await.expect("a response");
    (answer.status, String::from_utf8(answer.body).expect("UTF-8"))
}

async fn verbose(addr: SocketAddr) -> (u16, Value) {
    let (status, body) = ask(addr, "/readyz?verbose").await;
    (status, serde_json::from_str(&body).expect("JSON"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_follows_the_dependencies() {
    let mut dependency = Dependency::away();
    let mut checked = Checked::start(&dependency, "required", None);
    checked.is(503, "unready").await;
    dependency.comes().await;
    checked.is(200, "ready").await;
    dependency.goes().await;
    checked.is(503, "unready").await;
    // An unready service still serves requests, and no probe restarts it.
    assert_eq!(ask(checked.served.addr, "/ping").await.0, 200);
    assert_eq!(ask(checked.health, "/livez").await.0, 200);
    assert_eq!(ask(checked.health, "/startupz").await.0, 200);
    dependency.comes().await;
    checked.is(200, "ready").await;
    checked.served.terminate();
    checked.served.ended(LONG).await.code(0).said("readiness check fails").said("readiness check passes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_check_is_listed_as_json_and_its_error_only_on_the_health_listener() {
    let mut dependency = Dependency::there().await;
    let mut checked = Checked::start(&dependency, "required", None);
    checked.is(200, "ready").await;
    let (status, told) = verbose(checked.health).await;
    assert_eq!((status, &told["state"]), (200, &Value::from("ready")));
    assert_eq!(told["checks"][0]["name"], "dependency");
    assert_eq!(told["checks"][0]["passing"], true);
    assert!(told["checks"][0]["for_ms"].is_u64() && told["checks"][0].get("error").is_none(), "{told}");
    dependency.goes().await;
    checked.is(503, "unready").await;
    let (status, told) = verbose(checked.health).await;
    assert_eq!((status, &told["state"]), (503, &Value::from("unready")));
    assert_eq!(told["checks"][0]["passing"], false);
    assert!(told["checks"][0]["error"].as_str().is_some_and(|error| error.contains("refused")), "{told}");
    let (status, told) = verbose(checked.served.addr).await;
    assert_eq!((status, &told["checks"][0]["passing"]), (503, &Value::from(false)));
    assert!(told["checks"][0].get("error").is_none(), "{told}");
    checked.served.terminate();
    checked.served.ended(LONG).await.code(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_critical_check_that_stays_red_begins_the_shutdown_and_is_its_cause() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report.json");
    let mut dependency = Dependency::there().await;
    let mut checked = Checked::start(&dependency, "critical", Some(&report));
    checked.is(200, "ready").await;
    let mut client = Client::connect(checked.served.addr).await.expect("connected");
    client.get("/slow?ms=1200").await.expect("the request is sent");
    dependency.goes().await;
    let answer = client.response().await.expect("a request in flight finishes");
    assert_eq!(answer.body, b"done");
    let ended = checked.served.ended(LONG).await;
    ended.code(1).said("critical check dependency failing for").said("closed store");
    let report: Value = serde_json::from_slice(&std::fs::read(&report).expect("written")).expect("JSON");
    assert_eq!(report["cause"]["kind"], "unhealthy");
    assert_eq!(report["cause"]["check"], "dependency");
    assert!(report["cause"]["red_for_ms"].as_u64().is_some_and(|time| time >= 500), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_critical_check_that_recovers_in_time_begins_no_shutdown() {
    let mut dependency = Dependency::there().await;
    let mut checked = Checked::start(&dependency, "patient", None);
    for _ in 0..5 {
        checked.is(200, "ready").await;
        dependency.goes().await;
        checked.is(503, "unready").await;
        dependency.comes().await;
    }
    checked.is(200, "ready").await;
    checked.served.terminate();
    checked.served.ended(LONG).await.code(0).never_said("critical check");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opposite_without_a_check_it_stays_ready_and_without_critical_it_keeps_running() {
    let dependency = Dependency::away();
    for (kind, status) in [("none", 200), ("required", 503), ("advisory", 200)] {
        let mut checked = Checked::start(&dependency, kind, None);
        let ended = checked.served.ended_or_not(PAST_CRITICAL).await;
        assert!(ended.is_none(), "{kind}: {ended:?}");
        assert_eq!(ask(checked.health, "/readyz").await.0, status, "{kind}");
        checked.served.terminate();
        checked.served.ended(LONG).await.code(0).never_said("critical check");
    }
}

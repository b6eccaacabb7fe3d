//! Each fault of the demo is detected by its check.
//!
//! On each broker the demo stops without loss, and its jobs are counted. Jobs that it keeps are detected on each broker that
//! does not redeliver them by itself.
#![expect(clippy::expect_used, clippy::panic, reason = "a helper that fails fails its test")]

use ebbtide_tests::{Rehearsed, rehearse, rehearse_in, services};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, Row as _};

// Faults.

/// Rehearses the demo with a fault; asserts that `check` fails and that its evidence says `why`.
fn caught(fault: &str, check: &str, why: &str) {
    let mut args = vec!["--demo", "--seed", "3", "--grace", "8s"];
    args.extend([
        "--storm",
        "32",
        "--keepalive",
        "40",
        "--slow",
        "4",
        "--slow-time",
        "500ms-1s",
        "--open",
        "50",
    ]);
    args.extend(["--", "--fault", fault]);
    let rehearsed = rehearse(&args);
    if rehearsed.code != Some(1) || !rehearsed.failed().contains(&check) {
        panic!("{fault}: {check} did not fail, but {:?}: {:#}", rehearsed.failed(), rehearsed.json);
    }
    let (_, evidence) = rehearsed.check(check);
    assert!(evidence.contains(why), "{fault}: {evidence}");
}

#[test]
fn a_stuck_worker_leaves_an_order_unprocessed() {
    caught("stuck-worker", "orders-processed", "");
}

#[test]
fn a_blocked_runtime_is_ended_by_the_watchdog() {
    caught("blocked-runtime", "exit-code", "4");
}

#[test]
fn a_slow_close_is_cancelled() {
    caught("slow-close", "exit-code", "3");
}

#[test]
fn an_ignored_signal_is_detected_and_ends_in_sigkill() {
    caught("ignore-signal", "no-kill", "");
}

#[test]
fn a_listener_closed_at_once_loses_requests() {
    caught("close-listener", "requests-answered", "lost");
}

#[test]
fn a_readiness_that_stays_green_is_detected() {
    caught("no-readiness-flip", "readiness-before-close", "");
}

#[test]
fn a_leaked_connection_keeps_the_pool_open_past_its_deadline() {
    caught("leak-connection", "exit-code", "3");
}

#[test]
fn jobs_that_are_kept_past_the_stop_are_counted() {
    caught("keep-jobs", "jobs-returned", "still leased");
}

#[test]
fn an_early_exit_loses_requests() {
    caught("exit-early", "requests-answered", "lost");
}

#[test]
fn a_log_that_is_not_flushed_misses_its_last_line() {
    caught("lose-log", "last-log-line", "");
}

#[test]
fn without_a_fault_every_check_passes() {
    let rehearsed = rehearse(&["--demo", "--storm", "32", "--keepalive", "40", "--slow-time", "500ms-1s"]);
    assert_eq!((rehearsed.code, rehearsed.failed()), (Some(0), Vec::new()), "{:#}", rehearsed.json);
}

// Queues.

const SHORT: [&str; 10] = [
    "--demo",
    "--grace=8s",
    "--storm=16",
    "--keepalive=20",
    "--slow=2",
    "--slow-time=200ms-500ms",
    "--open=20",
    "--warmup=600ms",
    "--window=300ms",
    "--seed=5",
];

/// One run is enough to show a fault; a passing setup runs twice.
const KEPT: [&str; 5] = ["--repeat=1", "--", "--fault", "keep-jobs", "--queue"];
const WELL: [&str; 3] = ["--repeat=2", "--", "--queue"];

/// Rehearses the demo on a queue at the address from the tests' variable.
fn rehearse_on(queue: &str, ours: &str, demos: &str, options: &[&str]) -> Rehearsed {
    let address = std::env::var(ours).unwrap_or_default();
    let args = [&SHORT, options, &[queue]].concat();
    // An empty variable counts as unset.
    rehearse_in(&[("DATABASE_URL", ""), (demos, &address)], &args)
}

fn passes(rehearsed: &Rehearsed) {
    assert_eq!((rehearsed.code, rehearsed.failed()), (Some(0), Vec::new()), "{:#}", rehearsed.json);
    let counted = rehearsed.passed("jobs-returned");
    assert_eq!((counted.len(), rehearsed.passed("orders-processed").len()), (2, 2), "{:#}", rehearsed.json);
    // Orders arrived during the shutdown, so jobs were left to count.
    for evidence in counted {
        let jobs = evidence.split_once(' ').and_then(|(jobs, _)| jobs.replace(',', "").parse().ok());
        assert!(jobs.is_some_and(|jobs: u64| jobs > 0), "{evidence}");
    }
}

fn is_caught(rehearsed: &Rehearsed) {
    assert_eq!(
        (rehearsed.code, rehearsed.failed()),
        (Some(1), vec!["jobs-returned"]),
        "{:#}",
        rehearsed.json
    );
    let (_, evidence) = rehearsed.check("jobs-returned");
    assert!(evidence.contains("still leased"), "{evidence}");
}

#[test]
fn on_sqlite() {
    passes(&rehearse_on("sqlite", "", "DATABASE_URL", &WELL));
    is_caught(&rehearse_on("sqlite", "", "DATABASE_URL", &KEPT));
}

#[test]
fn on_redis() {
    passes(&rehearse_on("redis", "EBBTIDE_TEST_REDIS", "REDIS_URL", &WELL));
    is_caught(&rehearse_on("redis", "EBBTIDE_TEST_REDIS", "REDIS_URL", &KEPT));
}

#[test]
fn on_nats() {
    passes(&rehearse_on("nats", "EBBTIDE_TEST_NATS", "NATS_URL", &WELL));
    is_caught(&rehearse_on("nats", "EBBTIDE_TEST_NATS", "NATS_URL", &KEPT));
}

/// RabbitMQ redelivers the jobs of a closed connection, so the fault has no effect to detect.
#[test]
fn on_rabbitmq() {
    passes(&rehearse_on("rabbitmq", "EBBTIDE_TEST_RABBITMQ", "AMQP_URL", &WELL));
    let rehearsed = rehearse_on("rabbitmq", "EBBTIDE_TEST_RABBITMQ", "AMQP_URL", &KEPT);
    assert_eq!(
        (rehearsed.code, rehearsed.check("jobs-returned").0),
        (Some(0), "pass"),
        "{:#}",
        rehearsed.json
    );
}

/// In a separate database: orders, jobs, and the sessions of both.
#[test]
fn on_postgres() {
    let database = Database::create();
    let rehearse = |options: &[&str]| {
        let args = [&SHORT, options, &["postgres"]].concat();
        rehearse_in(&[("DATABASE_URL", &database.url)], &args)
    };
    let rehearsed = rehearse(&WELL);
    passes(&rehearsed);
    assert_eq!(rehearsed.passed("database-clean").len(), 2, "{:#}", rehearsed.json);
    // Each run removes the jobs that it left for the next process.
    assert_eq!(database.jobs(), 0);
    let rehearsed = rehearse(&KEPT);
    assert!(rehearsed.failed().contains(&"jobs-returned"), "{:#}", rehearsed.json);
}

// Relays.

/// Rehearses the demo with its queue on `queue`, at `url`, through a relay. Returns the finding about its connections.
fn through_a_relay(queue: &str, variable: &str, url: &str, fault: &[&str]) -> (Rehearsed, String, String) {
    let via = format!("--via={queue}={}", services::address(url));
    let args = [&SHORT[..], &[&via, "--", "--queue", queue], fault].concat();
    let rehearsed = rehearse_in(&[("DATABASE_URL", ""), (variable, url)], &args);
    let (found, evidence) = rehearsed.check("dependencies-closed");
    let (found, evidence) = (found.to_owned(), evidence.to_owned());
    (rehearsed, found, evidence)
}

#[test]
fn through_relays_the_demo_closes_its_connections_to_each_broker() {
    let database = Database::create();
    for (queue, variable, url) in [
        ("redis", "REDIS_URL", services::redis()),
        ("rabbitmq", "AMQP_URL", services::rabbitmq()),
        ("nats", "NATS_URL", services::nats()),
        ("postgres", "DATABASE_URL", database.url.clone()),
    ] {
        let (rehearsed, found, evidence) = through_a_relay(queue, variable, &url, &[]);
        assert_eq!((rehearsed.code, rehearsed.failed()), (Some(0), Vec::new()), "{:#}", rehearsed.json);
        assert!(found == "pass" && evidence.starts_with(&format!("{queue}: of ")), "{queue}: {evidence}");
        assert!(evidence.contains(" closed by the service"), "{queue}: {evidence}");
        // The rehearsal reads the queue of the demo.
        assert_eq!(rehearsed.check("jobs-returned").0, "pass", "{queue}: {:#}", rehearsed.json);
    }
}

/// The opposite, on brokers whose protocols have a last message.
#[test]
fn through_relays_the_demo_that_exits_early_abandons_its_connections() {
    let database = Database::create();
    for (queue, variable, url) in
        [("rabbitmq", "AMQP_URL", services::rabbitmq()), ("postgres", "DATABASE_URL", database.url.clone())]
    {
        let (_, found, evidence) = through_a_relay(queue, variable, &url, &["--fault", "exit-early"]);
        assert!(found == "fail" && evidence.contains(" abandoned ("), "{queue}: {evidence}");
    }
}

/// A separate database. It is deleted on drop.
struct Database {
    runtime: tokio::runtime::Runtime,
    admin: String,
    name: String,
    url: String,
}

impl Database {
    fn create() -> Self {
        let default = || "postgres://postgres@127.0.0.1:5432/postgres".to_owned();
        let admin = std::env::var("EBBTIDE_TEST_POSTGRES").unwrap_or_else(|_| default());
        let (server, _) = admin.rsplit_once('/').expect("a URL with a database");
        let name = services::unique("demo").replace('-', "_");
        let url = format!("{server}/{name}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let database = Self { runtime, admin, name, url };
        database.runs(&database.admin, &format!("CREATE DATABASE {}", database.name));
        database
    }

    fn jobs(&self) -> i64 {
        let count = "SELECT count(*) FROM ebbtide_demo.ebbtide_jobs";
        self.runs(&self.url, count).first().map_or(-1, |row| row.get(0))
    }

    fn runs(&self, url: &str, statement: &str) -> Vec<sqlx::postgres::PgRow> {
        self.runtime.block_on(async {
            let options: PgConnectOptions = url.parse().expect("a URL");
            let mut connection = options.connect().await.expect("connected");
            let rows = connection.fetch_all(AssertSqlSafe(statement.to_owned())).await.expect("done");
            sqlx::Connection::close(connection).await.expect("closed");
            rows
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.runs(&self.admin, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

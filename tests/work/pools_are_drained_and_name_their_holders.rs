//! Jobs sent to a worker pool before the stop are done before the process exits.
//!
//! A connection pool whose `close` hangs because a connection is in use does not use the time of others, and reports the number
//! in use. An idle pool leaves no connection at the server.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::path::Path;
use std::time::Duration;

use ebbtide_tests::{Ended, Process, service, services};
use rustix::process::Signal;
use serde_json::Value;
use sqlx::PgPool;

// Worker pools.

const JOBS: usize = 200;

fn drained(how: &[&str]) -> (Ended, usize) {
    let mut command = service("pools");
    let mut process = Process::start(command.args(how).env("EBBTIDE_GRACE", "20s"));
    process.says("all sent");
    process.says("phase=ready");
    process.signal(Signal::TERM);
    let ended = process.ended(Duration::from_secs(20)).expect("the process does not exit");
    let done = ended.output.matches("done ").count();
    (ended, done)
}

#[test]
fn every_job_that_was_sent_is_done() {
    let (ended, done) = drained(&[]);
    ended.code(0);
    assert_eq!(done, JOBS);
}

#[test]
fn the_opposite_a_plain_channel_loses_its_queued_jobs() {
    let (ended, done) = drained(&["by-hand"]);
    ended.code(0);
    assert!(done < JOBS, "all {done} were done");
}

#[test]
fn every_job_that_a_pool_sends_to_another_is_done() {
    for pools in ["2", "3"] {
        let (ended, done) = drained(&["chain", pools]);
        ended.code(0);
        assert_eq!(done, JOBS, "{pools} pools");
    }
}

#[test]
fn the_opposite_a_pool_registered_after_its_sender_refuses_the_jobs() {
    let (ended, done) = drained(&["backwards"]);
    ended.code(0);
    assert!(done < JOBS, "all {done} were done");
    assert!(ended.output.contains("background job failed"), "{}", ended.output);
}

// Pools of connections.

const LONG: Duration = Duration::from_secs(20);

/// A unique application name, by which the server lists the connections of one process.
struct Sessions {
    url: String,
    name: String,
}

impl Sessions {
    fn new() -> Self {
        let (name, url) = (services::unique("holds"), services::postgres());
        let joint = if url.contains('?') { '&' } else { '?' };
        Self { url: format!("{url}{joint}application_name={name}"), name }
    }

    async fn count(&self) -> i64 {
        let pool = PgPool::connect(&services::postgres()).await.expect("PostgreSQL answers");
        let count = sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE application_name = $1");
        count.bind(&self.name).fetch_one(&pool).await.expect("counted")
    }

    /// Waits until the server has this many. Its processes exit shortly after their clients.
    async fn are(&self, count: i64) {
        let wait = async {
            while self.count().await != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, wait).await.expect("a connection lingers or is missing");
    }
}

fn start(sessions: &Sessions, held: &str, how: &str, report: &Path) -> Process {
    let mut command = service("holds");
    command.args([held, &sessions.url, how]).env("EBBTIDE_GRACE", "6s").env("EBBTIDE_REPORT", report);
    let process = Process::start(&mut command);
    process.says("phase=ready");
    process
}

/// Stops the service. Returns its outcome and the pool's entry in the report.
async fn stopped(held: &str, how: &str) -> (Ended, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let (sessions, report) = (Sessions::new(), folder.path().join("report.json"));
    let mut process = start(&sessions, held, how, &report);
    sessions.are(5).await;
    process.signal(Signal::TERM);
    let ended = tokio::task::block_in_place(|| process.ended(LONG)).expect("the process does not exit");
    let report: Value = serde_json::from_slice(&std::fs::read(&report).expect("written")).expect("JSON");
    let components = report["components"].as_array().expect("a list");
    let pool = components.iter().find(|component| component["name"] == "postgres").expect("registered");
    sessions.are(0).await;
    (ended, pool.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_pool_in_use_is_reported_with_the_number_of_connections() {
    let (ended, pool) = stopped("2", "ours").await;
    ended.code(3).within(Duration::from_secs(6));
    ended.said(
        "deadline exceeded; cancelling component component=\"postgres\" held=\"2 connections in use for ",
    );
    ended.said("postgres (2 in flight: 2 connections in use for");
    ended.said("postgres (cancelled with 2 connections in use)").said("closed first");
    assert_eq!((&pool["outcome"]["kind"], &pool["cancelled"]), (&"cancelled".into(), &2.into()), "{pool}");
    assert_eq!(pool["stragglers"][0]["name"], "2 connections in use");
    // Before its close began, nothing waited for it.
    assert_eq!(pool["in_flight_at_stop"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_database_pool_is_closed_and_leaves_no_connection_at_the_server() {
    let (ended, pool) = stopped("0", "ours").await;
    ended.code(0).said("closed first");
    assert_eq!((&pool["outcome"]["kind"], &pool["cancelled"]), (&"drained".into(), &0.into()), "{pool}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opposite_a_close_without_a_gauge_reports_nothing_and_a_manual_one_never_ends() {
    let (ended, pool) = stopped("2", "closure").await;
    ended.code(3).never_said("in use");
    assert_eq!((&pool["outcome"]["kind"], &pool["cancelled"]), (&"cancelled".into(), &0.into()), "{pool}");

    let mut by_hand = start(&Sessions::new(), "2", "by-hand", Path::new("/dev/null"));
    by_hand.signal(Signal::TERM);
    let ended = tokio::task::block_in_place(|| by_hand.ended(Duration::from_secs(7)));
    assert!(ended.is_none(), "the process exited: {ended:?}");
}

//! An error shows its source in its text or returns it, never both, so that a log line has each message once.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ebbtide::lifecycle::{EnvironmentError, Every, RetryError};
use ebbtide::queue::{ConsumeOptions, Consumer, Delivery, Job, Permanent, Queue, Settled, Settlement};
use ebbtide::testing::queue::{Broken, Promise, Why};
use ebbtide::{BoxError, Stop, call::CallError, http::ServeError, http::TlsError};
use ebbtide_nats::NatsQueueError;
use ebbtide_rabbitmq::RabbitQueueError;
use ebbtide_redis::RedisQueueError;
use ebbtide_sqlx::PostgresQueueError;
use ebbtide_sqlx::SqliteQueueError;
use ebbtide_sqs::SqsQueueError;

use crate::support;

/// The message of the innermost error.
const CAUSE: &str = "the cause of it all";

fn io() -> std::io::Error {
    std::io::Error::other(CAUSE)
}

/// Returns an error of sqlx, which shows its source in its text and also returns it.
fn sqlx() -> Arc<sqlx::Error> {
    Arc::new(sqlx::Error::Io(io()))
}

/// Returns an error of lapin, which does the same.
fn lapin() -> lapin::Error {
    lapin::ErrorKind::IOError(Arc::new(io())).into()
}

fn redis() -> redis::RedisError {
    redis::RedisError::from(io())
}

fn path() -> std::path::PathBuf {
    "/etc/orders.pem".into()
}

/// Returns each variant of the library's errors that has a source, with its name.
fn all() -> Vec<(&'static str, BoxError)> {
    let (action, what) = ("settle jobs", "settle jobs");
    let text = || "orders".to_owned();
    let duration = ebbtide::model::parse_duration("soon").expect_err("not a duration");
    let expression = Every::cron("61 * * * *").expect_err("there is no such minute");
    let zone = Every::cron("0 0 * * *").and_then(|every| every.zone("Nowhere/Never"));
    let nats = async_nats::ConnectError::with_source(async_nats::ConnectErrorKind::Io, io());
    vec![
        ("PostgresQueueError::NoTable", PostgresQueueError::NoTable { action, source: sqlx() }.into()),
        (
            "PostgresQueueError::NoConnection",
            PostgresQueueError::NoConnection { action, source: sqlx() }.into(),
        ),
        (
            "PostgresQueueError::Unreachable",
            PostgresQueueError::Unreachable { action, source: sqlx() }.into(),
        ),
        ("PostgresQueueError::Statement", PostgresQueueError::Statement { action, source: sqlx() }.into()),
        ("SqliteQueueError::Open", SqliteQueueError::Open { path: path(), source: sqlx() }.into()),
        ("SqliteQueueError::NoTable", SqliteQueueError::NoTable { action, source: sqlx() }.into()),
        ("SqliteQueueError::Busy", SqliteQueueError::Busy { action, source: sqlx() }.into()),
        ("SqliteQueueError::NoConnection", SqliteQueueError::NoConnection { action, source: sqlx() }.into()),
        ("SqliteQueueError::Statement", SqliteQueueError::Statement { action, source: sqlx() }.into()),
        ("RabbitQueueError::Connect", RabbitQueueError::Connect { address: text(), source: lapin() }.into()),
        (
            "RabbitQueueError::Different",
            RabbitQueueError::Different { queue: text(), source: lapin() }.into(),
        ),
        ("RabbitQueueError::Refused", RabbitQueueError::Refused { action: text(), source: lapin() }.into()),
        ("RedisQueueError::Url", RedisQueueError::Url(redis()).into()),
        ("RedisQueueError::Unreachable", RedisQueueError::Unreachable(redis()).into()),
        ("RedisQueueError::Credentials", RedisQueueError::Credentials(redis()).into()),
        ("RedisQueueError::NotAllowed", RedisQueueError::NotAllowed(redis()).into()),
        ("RedisQueueError::Taken", RedisQueueError::Taken { key: text(), source: redis() }.into()),
        ("RedisQueueError::Full", RedisQueueError::Full(redis()).into()),
        ("RedisQueueError::Refused", RedisQueueError::Refused(redis()).into()),
        ("NatsQueueError::Connect", NatsQueueError::Connect(nats).into()),
        ("NatsQueueError::NoAnswer", NatsQueueError::NoAnswer { what, source: io().into() }.into()),
        ("SqsQueueError::Unreachable", SqsQueueError::Unreachable { what, source: io().into() }.into()),
        ("ServeError::Listener", ServeError::Listener(io()).into()),
        ("ServeError::Watchdog", ServeError::Watchdog(io()).into()),
        ("ServeError::Plan", ServeError::Plan(io().into()).into()),
        ("TlsError::Read", TlsError::Read { path: path(), source: io() }.into()),
        (
            "TlsError::Unusable",
            TlsError::Unusable {
                certificates: path(),
                key: path(),
                source: tokio_rustls::rustls::Error::General(CAUSE.to_owned()),
            }
            .into(),
        ),
        ("CallError::Io", CallError::Io { to: text(), source: io() }.into()),
        ("CronError::Expression", expression.into()),
        ("CronError::Zone", zone.expect_err("there is no such zone").into()),
        (
            "EnvironmentError::Duration",
            EnvironmentError::Duration { name: "EBBTIDE_GRACE", source: duration }.into(),
        ),
        (
            "RetryError::GaveUp",
            RetryError::GaveUp { name: text(), attempts: 3, took: Duration::ZERO, source: io().into() }
                .into(),
        ),
        ("Why::Failed", Why::Failed { step: "fetch", source: io().into() }.into()),
        (
            "Broken",
            Broken { promise: Promise::AckIsFinal, why: Why::Failed { step: "fetch", source: io().into() } }
                .into(),
        ),
    ]
}

/// Returns the messages of an error and its sources.
fn messages(error: &(dyn Error + 'static)) -> Vec<String> {
    let sources = std::iter::successors(Some(error), |&error| error.source());
    sources.map(ToString::to_string).collect()
}

#[test]
fn no_error_shows_a_source_that_it_returns() {
    for (name, error) in all() {
        let [said, source, ..] = &messages(&*error)[..] else { panic!("{name} has no source") };
        assert!(!said.contains(source.as_str()), "{name} shows its source and returns it: {said}");
    }
}

/// The opposite: clients' errors show and return their source, so a simple printer would repeat it.
#[test]
fn client_errors_both_show_and_return_their_source() {
    for error in [BoxError::from(lapin()), sqlx().into()] {
        let messages = messages(&*error);
        assert!(messages[0].contains(&messages[1]), "{messages:?}");
    }
}

/// A queue of one job that records the reason of its dead-lettering.
struct One {
    given: Mutex<bool>,
    dead_lettered: tokio::sync::watch::Sender<Option<String>>,
}

impl Queue for One {
    type Receipt = ();

    async fn fetch(&self, _max: usize, stop: &Stop) -> Result<Vec<Delivery<()>>, BoxError> {
        if !std::mem::replace(&mut *self.given.lock().expect("not poisoned"), true) {
            return Ok(vec![Delivery { receipt: (), id: "job".to_owned(), payload: Vec::new(), attempt: 1 }]);
        }
        stop.stopping().await;
        Ok(Vec::new())
    }

    async fn settle(&self, (): &(), settlement: Settlement) -> Result<Settled, BoxError> {
        if let Settlement::DeadLetter { error } = settlement {
            self.dead_lettered.send_replace(Some(error));
        }
        Ok(Settled::Done)
    }
}

/// Returns an error as the library prints it.
async fn printed(error: BoxError) -> String {
    let (dead_lettered, mut words) = tokio::sync::watch::channel(None);
    let (queue, error) = (One { given: Mutex::default(), dead_lettered }, Mutex::new(Some(error)));
    let handler = move |_: Job, _| {
        let error = error.lock().expect("not poisoned").take();
        async move { Err(Permanent::new(error.expect("the job runs once")).into()) }
    };
    let source = support::source();
    let running = Consumer::new("errors", queue, ConsumeOptions::new(1), handler).run(source.token());
    let stopping = async {
        let words = words.wait_for(Option::is_some).await.expect("the job is dead-lettered").clone();
        support::stop(&source);
        words.expect("a reason")
    };
    tokio::join!(running, stopping).1
}

#[tokio::test]
async fn a_printed_error_has_no_message_twice() {
    for (name, error) in all() {
        let messages = messages(&*error);
        let innermost = messages.last().cloned().expect("a message");
        let printed = printed(error).await;
        assert_eq!(printed.matches(&innermost).count(), 1, "{name}: {printed} is made of {messages:?}");
        for message in messages {
            assert_eq!(printed.matches(&message).count(), 1, "{name} repeats {message:?}: {printed}");
        }
    }
}

/// A new variant with a source must be added to the list above.
#[test]
fn every_variant_with_a_source_is_tried() {
    let mut found = BTreeSet::new();
    for (_, sources) in ebbtide_tests::library_crates() {
        collect(&sources, &mut found);
    }
    let tried: BTreeSet<String> = all().into_iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(found, tried);
}

fn collect(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a file");
            // Unit tests define errors too; they come after the code.
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            if text.contains("thiserror::Error") {
                variants(text, found);
            }
        }
    }
}

/// Finds the variants of public errors with a field `source` or `#[source]`, by their rustfmt layout.
fn variants(text: &str, found: &mut BTreeSet<String>) {
    let (mut item, mut variant) = (String::new(), String::new());
    for line in text.lines() {
        let words = line.trim_start();
        let name = || words.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned();
        if let Some(rest) = words.strip_prefix("pub enum ").or_else(|| words.strip_prefix("pub struct ")) {
            item = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned();
            variant.clear();
        } else if line == "}" {
            item.clear();
        } else if line.starts_with("    ")
            && words.starts_with(char::is_uppercase)
            && !line.starts_with("     ")
        {
            variant = name();
        }
        let is_source =
            words.starts_with("source: ") || words.contains("#[source]") || words.contains("#[from]");
        if is_source && !item.is_empty() {
            found.insert(if variant.is_empty() { item.clone() } else { format!("{item}::{variant}") });
        }
    }
}

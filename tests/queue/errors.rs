//! A log line has each message of an error and its sources once, although the errors of clients repeat their sources.

use std::error::Error;
use std::sync::{Arc, Mutex};

use ebbtide::http::ServeError;
use ebbtide::queue::{ConsumeOptions, Consumer, Delivery, Job, Permanent, Queue, Settled, Settlement};
use ebbtide::testing::queue::{Broken, Promise, Why};
use ebbtide::{BoxError, Stop};
use ebbtide_nats::NatsQueueError;
use ebbtide_rabbitmq::RabbitQueueError;
use ebbtide_redis::RedisQueueError;
use ebbtide_sqlx::PostgresQueueError;
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

/// Returns an error of each crate, with a source that repeats its own source, or one that does not.
fn samples() -> Vec<BoxError> {
    let (action, what) = ("settle jobs", "settle jobs");
    vec![
        PostgresQueueError::NoTable { action, source: sqlx() }.into(),
        RabbitQueueError::Connect { address: "orders".to_owned(), source: lapin() }.into(),
        RedisQueueError::Unreachable(redis::RedisError::from(io())).into(),
        NatsQueueError::RequestFailed { what, source: io().into() }.into(),
        SqsQueueError::Unreachable { what, source: io().into() }.into(),
        ServeError::Listener(io()).into(),
        Broken { promise: Promise::AckIsFinal, why: Why::Failed { step: "fetch", source: io().into() } }
            .into(),
    ]
}

/// Returns the messages of an error and its sources.
fn messages(error: &(dyn Error + 'static)) -> Vec<String> {
    let sources = std::iter::successors(Some(error), |&error| error.source());
    sources.map(ToString::to_string).collect()
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
    for error in samples() {
        let messages = messages(&*error);
        let innermost = messages.last().cloned().expect("a message");
        let printed = printed(error).await;
        assert_eq!(printed.matches(&innermost).count(), 1, "{printed} is made of {messages:?}");
        for message in messages {
            assert_eq!(printed.matches(&message).count(), 1, "{message:?} is repeated: {printed}");
        }
    }
}

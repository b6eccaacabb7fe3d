//! A service whose client is given more messages than its socket takes. Arguments: the server's kind and URL, a name of the
//! test's own, and `closed` or `dropped`: what becomes of the client at the stop.

use std::future::poll_fn;
use std::process::ExitCode;
use std::task::Poll;

use ebbtide::{BoxError, Handle, LameDuck, Lifecycle};
use ebbtide_nats::NatsExt as _;
use ebbtide_rabbitmq::RabbitExt as _;
use ebbtide_redis::RedisExt as _;
use futures_util::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use tokio::task::JoinSet;

use crate::setup::{Arguments, log_to_stderr};

const MESSAGES: usize = 40;
/// All of them together are more than the buffers of two sockets.
const MESSAGE: usize = 1024 * 1024 - 1024;

pub(crate) fn run(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let mut next = || arguments.next().unwrap_or_default();
    let (kind, url, name, closed) = (next(), next(), next(), next() == "closed");
    Lifecycle::new("publishes").lame_duck(LameDuck::NONE).worker_threads(2).run(async move |app| {
        match kind.as_str() {
            "nats" => nats(app, &url, name, closed).await,
            "redis" => redis(app, &url, name, closed).await,
            "rabbitmq" => rabbitmq(app, &url, name, closed).await,
            other => Err(format!("no such kind: {other}").into()),
        }
    })
}

/// Waits until the test has closed the way to the server: from then on whatever is published waits in our buffers.
async fn way_closed() -> Result<(), BoxError> {
    eprintln!("connected");
    let mut line = String::new();
    tokio::task::spawn_blocking(move || std::io::stdin().read_line(&mut line)).await??;
    Ok(())
}

fn published() {
    eprintln!("published {MESSAGES}");
}

async fn nats(app: Handle, url: &str, subject: String, closed: bool) -> Result<(), BoxError> {
    let client = async_nats::connect(url).await?;
    if closed {
        app.nats("client", client.clone());
    }
    way_closed().await?;
    for _ in 0..MESSAGES {
        client.publish(subject.clone(), vec![0; MESSAGE].into()).await?;
    }
    published();
    Ok(())
}

async fn redis(app: Handle, url: &str, list: String, closed: bool) -> Result<(), BoxError> {
    // A command that is out of time before it is sent is never sent, however much time the close has.
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let connection = redis::Client::open(url)?.get_multiplexed_async_connection_with_config(&patient).await?;
    if closed {
        app.redis("client", connection.clone());
    }
    way_closed().await?;
    let pushes = (0..MESSAGES).map(|_| {
        let (mut connection, mut push) = (connection.clone(), redis::cmd("RPUSH"));
        push.arg(&list).arg(vec![0_u8; MESSAGE]);
        async move { push.exec_async(&mut connection).await }
    });
    let mut pushes = Box::pin(join_all(pushes));
    // Polled once, each is in the connection's queue, which has room for more than these.
    let once = poll_fn(|cx| {
        let _ = pushes.as_mut().poll(cx);
        Poll::Ready(())
    });
    once.await;
    // A task that nobody waits for, as a handler leaves it behind.
    let mut detached = JoinSet::new();
    detached.spawn(pushes);
    detached.detach_all();
    published();
    Ok(())
}

async fn rabbitmq(app: Handle, url: &str, queue: String, closed: bool) -> Result<(), BoxError> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    if closed {
        app.lapin("connection", connection);
        app.lapin_channel("channel", channel.clone());
    } else {
        // Dropped, it would begin a close that nobody waits for.
        std::mem::forget(connection);
    }
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    way_closed().await?;
    // As many as its socket takes: lapin itself waits for it. Their confirms are not waited for.
    for _ in 0..MESSAGES {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        drop(channel.basic_publish("".into(), queue.as_str().into(), options, &[0; 1024], properties).await?);
    }
    published();
    Ok(())
}

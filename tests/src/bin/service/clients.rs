//! Services with clients of brokers and databases that publish, wait in a blocking read, or hold connections.

use std::future::poll_fn;
use std::process::{ExitCode, Termination as _};
use std::task::Poll;
use std::time::Duration;

use ebbtide::{BoxError, Handle, LameDuck, Lifecycle, Stop};
use ebbtide_nats::NatsExt as _;
use ebbtide_rabbitmq::RabbitExt as _;
use ebbtide_redis::{BlockingReads, RedisExt as _};
use ebbtide_sqlx::SqlxExt as _;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::task::JoinSet;

use crate::{Arguments, log_to_stderr, sigterm};

const MESSAGES: usize = 40;
/// Together they exceed the buffers of two sockets.
const MESSAGE: usize = 1024 * 1024 - 1024;

/// A service that publishes more messages than the socket of its client accepts. Arguments: the kind and the URL of the server, a unique
/// name, and `closed` or `dropped`: what the shutdown does with the client.
pub(crate) fn publishes(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let mut next = || arguments.next().unwrap_or_default();
    let (kind, url, name, closed) = (next(), next(), next(), next() == "closed");
    Lifecycle::new("publishes").lame_duck(LameDuck::NONE).worker_threads(2).run(async move |app| {
        match kind.as_str() {
            "nats" => nats(app, &url, name, closed).await,
            "redis" => redis(app, &url, name, closed).await,
            "rabbitmq" => rabbitmq(app, &url, name, closed).await,
            other => Err(format!("unknown kind `{other}`").into()),
        }
    })
}

/// Waits until the test has paused the proxy to the server. Later messages stay in the buffers of this process.
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
    // A command whose timeout passes before it is sent is never sent, however long the close may take.
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
    // After one poll, each is in the queue of the connection, which has room for more than these.
    let once = poll_fn(|cx| {
        let _ = pushes.as_mut().poll(cx);
        Poll::Ready(())
    });
    once.await;
    // A detached task, as a handler leaves it behind.
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
        // Dropping it would begin a close that no task awaits.
        std::mem::forget(connection);
    }
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    way_closed().await?;
    // Publishes as many as the socket accepts, since lapin waits for it. The confirms are not awaited.
    for _ in 0..MESSAGES {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        drop(channel.basic_publish("".into(), queue.as_str().into(), options, &[0; 1024], properties).await?);
    }
    published();
    Ok(())
}

/// A service with a blocking read. Arguments: the kind of read, the URL of the server, a unique name, and `ours` or `by-hand`: whether
/// the read observes the shutdown as its kind should.
pub(crate) fn subscribes(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let mut next = || arguments.next().unwrap_or_default();
    let (kind, url, name, ours) = (next(), next(), next(), next() == "ours");
    Lifecycle::new("subscribes").lame_duck(LameDuck::NONE).worker_threads(2).run(async move |app| {
        app.resource("store", (), |()| async {
            eprintln!("closed store");
            Ok(())
        });
        match kind.as_str() {
            "publish" => publish(&app, &url, name, ours).await,
            "pop" => pop(&app, &url, name, ours).await,
            "notify" => notify(&app, &url, name, ours).await,
            other => Err(format!("unknown kind `{other}`").into()),
        }
    })
}

/// A Redis channel. With `by-hand`, the stop token is ignored.
async fn publish(app: &Handle, url: &str, channel: String, ours: bool) -> Result<(), BoxError> {
    let mut messages = redis::Client::open(url)?.get_async_pubsub().await?;
    messages.subscribe(&channel).await?;
    app.subscriber("subscriber", move |stop| async move {
        let mut messages = messages.into_on_message();
        let listened = if ours { stop } else { Stop::never() };
        while let Some(Some(message)) = listened.unless_stopping(messages.next()).await {
            eprintln!("got {}", message.get_payload::<String>()?);
        }
        Ok(())
    });
    Ok(())
}

/// A Redis list. With `by-hand`, the read is dropped when the shutdown begins.
async fn pop(app: &Handle, url: &str, list: String, ours: bool) -> Result<(), BoxError> {
    let client = redis::Client::open(url)?;
    let mut reads = BlockingReads::connect(&client).await?;
    app.subscriber("subscriber", move |stop| async move {
        let mut pop = redis::cmd("BLPOP");
        pop.arg(list).arg(0);
        let never = Stop::never();
        loop {
            let read = if ours {
                reads.read::<(String, String)>(&pop, &stop).await?
            } else {
                let read = reads.read::<(String, String)>(&pop, &never);
                match stop.unless_stopping(read).await {
                    Some(read) => read?,
                    None => None,
                }
            };
            match read {
                Some((_, element)) => eprintln!("got {element}"),
                None => return Ok(()),
            }
        }
    });
    Ok(())
}

/// A PostgreSQL channel. With `by-hand`, the stop token is ignored.
async fn notify(app: &Handle, url: &str, channel: String, ours: bool) -> Result<(), BoxError> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen(&channel).await?;
    app.subscriber("subscriber", move |stop| async move {
        let listened = if ours { stop } else { Stop::never() };
        while let Some(notification) = listened.unless_stopping(listener.recv()).await {
            eprintln!("got {}", notification?.payload());
        }
        Ok(())
    });
    Ok(())
}

/// A service with a pool of PostgreSQL connections; the first argument is the number of connections that stay in use. The second is the
/// URL of the server, the third `ours`, `closure`, or `by-hand`, without Ebbtide.
pub(crate) fn holds(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let mut next = || arguments.next().unwrap_or_default();
    let (held, url, how) = (next().parse().unwrap_or(0), next(), next());
    if how == "by-hand" {
        return hand_written(&url, held).report();
    }
    let lifecycle = Lifecycle::new("holds").lame_duck(LameDuck::NONE).worker_threads(2);
    lifecycle.progress_every(Duration::from_millis(50)).run(async move |app| {
        app.resource("first", (), |()| async {
            eprintln!("closed first");
            Ok(())
        });
        let pool = open(&url).await?;
        if how == "closure" {
            app.resource("postgres", pool.clone(), |pool| async move {
                pool.close().await;
                Ok(())
            });
        } else {
            app.sqlx("postgres", pool.clone());
        }
        keep(&pool, held).await
    })
}

async fn open(url: &str) -> Result<PgPool, BoxError> {
    Ok(PgPoolOptions::new().max_connections(5).min_connections(5).connect(url).await?)
}

/// Takes connections from the pool and never returns them.
async fn keep(pool: &PgPool, count: usize) -> Result<(), BoxError> {
    for _ in 0..count {
        std::mem::forget(pool.acquire().await?);
    }
    Ok(())
}

#[tokio::main(worker_threads = 2)]
async fn hand_written(url: &str, held: usize) -> Result<(), BoxError> {
    let stopped = sigterm()?;
    let pool = open(url).await?;
    keep(&pool, held).await?;
    eprintln!("phase=ready");
    stopped.await;
    pool.close().await;
    Ok(())
}

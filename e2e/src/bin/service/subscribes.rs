//! A service that is blocked in a read for what others send. Arguments: the kind of read, the server's URL, a name of the test's
//! own, and `ours` or `by-hand`: whether it listens to the stop in the way of its kind.

use std::process::ExitCode;

use ebbtide::{BoxError, Handle, LameDuck, Lifecycle, Stop};
use ebbtide_redis::BlockingReads;
use futures_util::StreamExt as _;
use sqlx::postgres::PgListener;

use crate::setup::{Arguments, log_to_stderr};

pub(crate) fn run(mut arguments: Arguments) -> ExitCode {
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
            other => Err(format!("no such kind: {other}").into()),
        }
    })
}

/// A Redis channel. By hand, the token is not listened to.
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

/// A Redis list. By hand, the read is dropped when the stop begins.
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

/// A PostgreSQL channel. By hand, the token is not listened to.
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

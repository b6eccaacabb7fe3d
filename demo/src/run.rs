use std::io::{self, Write as _};
use std::path::Path;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use ebbtide::http::Listener;
use ebbtide::lifecycle::{Every, OnError, PoolOptions};
use ebbtide::{BoxError, Handle, LameDuck, Lifecycle};

use crate::Args;
use crate::data::{DataDir, LogFile, install_log};
use crate::faults::Faults;
use crate::orders::{Intake, Worker};
use crate::queue::AnyQueue;
use crate::routes::{self, AppState};
use crate::store::{Store, postgres_url};

/// The exit code for an invalid command line; clap uses the same.
const WRONG_USAGE: u8 = 2;

/// Runs the order service until it is asked to stop, and returns its exit code (see [`ebbtide::Exit`]); 2 when a setting requires
/// a feature that this build does not have.
///
/// It installs the process's `tracing` subscriber and its signal handlers: call it once, from `main`.
pub fn run(args: Args) -> ExitCode {
    if let Some(missing) = args.missing_feature(postgres_url().as_deref()) {
        let _ = writeln!(io::stderr(), "orders: error: {missing}\norders: hint: {}", missing.hint());
        return ExitCode::from(WRONG_USAGE);
    }
    let lifecycle = budget(Lifecycle::new("orders"), &args);
    let faults = Faults::new(&args.faults);
    let (data, log) = match prepare(&args) {
        Ok(prepared) => prepared,
        Err(error) => {
            // There is no log yet. If standard error cannot be written, the exit code still reports the failure.
            let _ = writeln!(io::stderr(), "orders: error: {error}");
            return ExitCode::from(ebbtide::Exit::FAILED);
        }
    };
    faults.budget(lifecycle).run(async |app| {
        data.removed_by(&app)?;
        if !faults.on(crate::Fault::LoseLog) {
            app.on_flush("demo.log", log.flusher());
        }
        app.every("log", Duration::from_secs(1), log.flush_now());

        let store = app.resource("database", Store::open(data.path()).await?, |store| store.close());
        faults.arm(&app, &store).await?;

        let queue = open_queue(&app, &args, data.path()).await?;

        let intake = Intake::new(store.clone(), queue.clone());
        intake.resume().await?;
        let (outbox, stop) = (intake.clone(), app.stop_token());
        let again = Every::delay(Duration::from_millis(500)).on_error(OnError::GoOn);
        app.every("outbox", again, move || outbox.clone().catch_up(stop.clone()));
        let take = move |order, _| intake.clone().run(order);
        let intake = app.workers("intake", PoolOptions::new(16).capacity(256), take);

        let worker = Worker::new(store.clone(), &faults);
        app.consume("orders", faults.queue(queue), 16, move |job, _| worker.clone().run(job));
        app.every("census", Duration::from_secs(5), census(store.clone()));

        let listener = listen(&app, &args.listen).await?;
        let router = routes::router(AppState { store, intake });
        match faults.server(&app, &router) {
            None => app.http("api", listener, app.health_routes(router)),
            Some(misbehaving) => app.http_server("api", listener, misbehaving),
        }
        Ok(())
    })
}

/// Opens the queue. It is closed after the components that use it have stopped, and removed if its orders are.
async fn open_queue(app: &Handle, args: &Args, folder: &Path) -> Result<AnyQueue, BoxError> {
    let database = postgres_url();
    let place = args.queue_place(folder, database.as_deref());
    let removed = args.is_temporary(database.as_deref());
    let (name, variable) = (place.kind.name(), place.kind.variable());
    let opened = place
        .open()
        .await
        .map_err(|cause| format!("failed to open the queue on {name} (configured by {variable}): {cause}"));
    Ok(app.resource("queue", opened?, async move |queue: AnyQueue| {
        queue.disconnect().await?;
        if removed { place.remove().await } else { Ok(()) }
    }))
}

/// Applies the times of the command line; the others are the platform's.
fn budget(mut lifecycle: Lifecycle, args: &Args) -> Lifecycle {
    if let Some(grace) = args.grace {
        lifecycle = lifecycle.grace(grace);
    }
    if let Some(time) = args.lame_duck {
        lifecycle = lifecycle.lame_duck(LameDuck::exactly(time));
    }
    lifecycle
}

/// Opens the data folder and the log, which must exist before the lifecycle logs anything.
fn prepare(args: &Args) -> Result<(DataDir, LogFile), BoxError> {
    let data = DataDir::open(args.data.as_deref())?;
    let log = LogFile::create(&data.path().join("demo.log"))?;
    install_log(&log)?;
    data.announce();
    Ok((data, log))
}

/// Binds the service's address and logs it: the system may have chosen the port.
///
/// # Errors
///
/// Fails when the address is in use, does not belong to this machine, or is not an address.
async fn listen(app: &Handle, address: &str) -> Result<Listener, ListenError> {
    let bound = app.bind(address).await;
    let listener = bound.map_err(|cause| ListenError { address: address.to_owned(), cause })?;
    tracing::info!("listening on http://{}", listener.local_addr());
    Ok(listener)
}

/// Returns a ticker that logs the number of orders in each state.
fn census(store: Store) -> impl FnMut() -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>> + Send {
    move || {
        let store = store.clone();
        Box::pin(async move {
            match store.counts().await {
                Ok(counts) => {
                    tracing::info!(
                        stored = counts.stored,
                        queued = counts.queued,
                        processing = counts.processing,
                        done = counts.done,
                        "order counts"
                    );
                }
                // A ticker's error would stop the service; one missing count must not.
                Err(error) => tracing::warn!(%error, "counting orders failed"),
            }
            Ok(())
        })
    }
}

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (--listen): {cause}")]
struct ListenError {
    address: String,
    cause: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            ListenError { .. } => ListenError { address: "0.0.0.0:80".to_owned(), cause: io::Error::other("in use") };
        }
    }
}

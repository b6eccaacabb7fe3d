use std::io;
use std::time::Duration;

use axum_server::Handle;

use super::routes::router;
use super::runtime::{runtime, terminated};
use crate::service::serve::{ADDRESS, announce};

/// The limit of its documentation's example.
const LIMIT: Duration = Duration::from_secs(30);

/// As in axum-server's example `graceful_shutdown`.
#[expect(clippy::disallowed_methods, reason = "as its documentation does")]
pub(in crate::service) fn serve(workers: Option<usize>) -> io::Result<()> {
    runtime(workers)?.block_on(async {
        let terminated = terminated()?;
        let handle = Handle::new();
        let stopper = handle.clone();
        tokio::spawn(async move {
            terminated.await;
            stopper.graceful_shutdown(Some(LIMIT));
        });
        let listening = handle.clone();
        tokio::spawn(async move { listening.listening().await.map(announce) });
        axum_server::bind(ADDRESS).handle(handle).serve(router().into_make_service()).await
    })
}

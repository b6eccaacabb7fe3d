use std::io;

use tokio::net::TcpListener;

use super::routes::router;
use super::runtime::{runtime, terminated};
use crate::service::serve::{ADDRESS, announce};

/// As in axum's example `graceful-shutdown`.
pub(in crate::service) fn serve(workers: Option<usize>) -> io::Result<()> {
    runtime(workers)?.block_on(async {
        let terminated = terminated()?;
        let listener = TcpListener::bind(ADDRESS).await?;
        announce(listener.local_addr()?)?;
        axum::serve(listener, router()).with_graceful_shutdown(terminated).await
    })
}

use std::process::ExitCode;

use ebbtide::{LameDuck, Lifecycle};

use super::routes::router;
use crate::service::serve::{ADDRESS, announce};

/// Everything at its default but the lame duck: none of the peers goes on serving, and the times to exit shall compare.
pub(in crate::service) fn serve(workers: Option<usize>) -> ExitCode {
    let mut lifecycle = Lifecycle::new("ping").lame_duck(LameDuck::NONE);
    if let Some(workers) = workers {
        lifecycle = lifecycle.worker_threads(workers);
    }
    lifecycle.run(async |life| {
        let listener = life.bind(ADDRESS).await?;
        let address = listener.local_addr();
        life.http("api", listener, router());
        announce(address)?;
        Ok(())
    })
}

//! A report every night: no run starts after the signal, and one that is under way finishes.
//!
//! ```sh
//! cargo run -p ebbtide --features cron --example cron -- '30 3 * * *'
//! ```

use std::process::ExitCode;
use std::time::Duration;

use ebbtide::lifecycle::{Every, OnError};
use ebbtide::{BoxError, Lifecycle};

fn main() -> ExitCode {
    let lifecycle = Lifecycle::new("reports");
    tracing_subscriber::fmt::init();
    lifecycle.run(async |app| {
        // Five fields, or six with the seconds in front: `* * * * * *` is every second.
        let expression = std::env::args().nth(1).unwrap_or_else(|| "30 3 * * *".to_owned());
        // An error ends the service by default, so that it is restarted. A report may as well wait for the next night.
        let nightly = Every::cron(&expression)?.zone("Europe/Berlin")?.on_error(OnError::GoOn);
        app.every("report", nightly, report);
        Ok(())
    })
}

async fn report() -> Result<(), BoxError> {
    tracing::info!("report begun");
    tokio::time::sleep(Duration::from_millis(300)).await;
    tracing::info!("report written");
    Ok(())
}

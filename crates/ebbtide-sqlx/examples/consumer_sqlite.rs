//! Consumes jobs from an SQLite file: a durable queue without a server. A shutdown leaves no job leased, and SIGKILL loses
//! none.
//!
//! ```sh
//! cargo run -p ebbtide-sqlx --features sqlite --example consumer_sqlite -- jobs.db emails
//! ```

use std::process::ExitCode;
use std::time::Duration;

use ebbtide::queue::Job;
use ebbtide::{BoxError, Lifecycle, Stop};
use ebbtide_sqlx::{SqliteQueue, SqlxExt as _};

fn main() -> ExitCode {
    let lifecycle = Lifecycle::new("mailer");
    tracing_subscriber::fmt::init();
    lifecycle.run(async |app| {
        let mut arguments = std::env::args().skip(1);
        let file = arguments.next().unwrap_or_else(|| "jobs.db".to_owned());
        let name = arguments.next().unwrap_or_else(|| "emails".to_owned());
        // A commit is on the disk when it returns: a pushed job survives the loss of power.
        let emails = SqliteQueue::open(file, name).await?;
        // Closes the pool when the consumer has stopped.
        app.sqlx("sqlite", emails.pool().clone());
        emails.push("a@example.org").await?;
        app.consume("emails", emails, 8, send_email);
        Ok(())
    })
}

/// Runs again for a job whose process was killed: `job.id()` is the same then.
async fn send_email(job: Job, _stop: Stop) -> Result<(), BoxError> {
    let to = str::from_utf8(job.payload())?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    // The span around the handler has the job id and the attempt number.
    tracing::info!(to, "email sent");
    Ok(())
}

//! Consumes jobs from a table of PostgreSQL. A shutdown leaves no job leased, and SIGKILL loses none.
//!
//! ```sh
//! DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres \
//!     cargo run -p ebbtide-sqlx --features postgres --example consumer_postgres -- emails
//! ```

use std::process::ExitCode;
use std::time::Duration;

use ebbtide::queue::Job;
use ebbtide::{BoxError, Lifecycle, Stop};
use ebbtide_sqlx::{PostgresQueue, SqlxExt as _};
use sqlx::PgPool;

fn main() -> ExitCode {
    let lifecycle = Lifecycle::new("mailer");
    tracing_subscriber::fmt::init();
    lifecycle.run(async |app| {
        let url = std::env::var("DATABASE_URL");
        let url = url.unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned());
        let name = std::env::args().nth(1).unwrap_or_else(|| "emails".to_owned());
        // Waits for a database that is not available yet, and closes the pool when the consumer has stopped.
        let database: PgPool = app.sqlx_connect("postgres", &url).await?;
        let emails = PostgresQueue::new(database.clone(), name);
        // Creates the table `ebbtide_jobs` if it does not exist. It holds the jobs of all queues of this database.
        emails.create().await?;
        // A job is stored together with the data it belongs to, or not at all.
        let mut transaction = database.begin().await?;
        emails.push_in(&mut transaction, "a@example.org").await?;
        transaction.commit().await?;
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

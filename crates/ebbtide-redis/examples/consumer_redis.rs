//! Consumes jobs from a Redis stream. A shutdown leaves no job leased, and SIGKILL loses none.
//!
//! ```sh
//! REDIS_URL=redis://127.0.0.1:6379 cargo run -p ebbtide-redis --example consumer_redis -- emails
//! ```

use std::process::ExitCode;
use std::time::Duration;

use ebbtide::queue::{ConsumeOptions, Job};
use ebbtide::{Backoff, BoxError, Lifecycle, Stop};
use ebbtide_redis::RedisQueue;

fn main() -> ExitCode {
    let lifecycle = Lifecycle::new("mailer");
    tracing_subscriber::fmt::init();
    lifecycle.run(async |app| {
        let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
        let name = std::env::args().nth(1).unwrap_or_else(|| "emails".to_owned());
        // Creates the stream and its consumer group if they do not exist. Waits for a server that is not available
        // yet.
        let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        let emails =
            app.retry("queue", backoff, async || RedisQueue::builder(&name).url(&url).open().await).await?;
        emails.push("a@example.org").await?;
        // Eight jobs run at a time. A job that fails is tried five times, and then dead-lettered with the error.
        app.consume("emails", emails, ConsumeOptions::new(8).attempts(5), send_email);
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

//! Consumes jobs from a queue of RabbitMQ. A shutdown leaves no job unacknowledged, and SIGKILL loses none.
//!
//! ```sh
//! AMQP_URL=amqp://guest:guest@127.0.0.1:5672/%2f cargo run -p ebbtide-rabbitmq --example consumer_rabbitmq -- emails
//! ```

use std::process::ExitCode;
use std::time::Duration;

use ebbtide::queue::{ConsumeOptions, Job};
use ebbtide::{Backoff, BoxError, Lifecycle, Stop};
use ebbtide_rabbitmq::RabbitQueue;

fn main() -> ExitCode {
    let lifecycle = Lifecycle::new("mailer");
    tracing_subscriber::fmt::init();
    lifecycle.run(async |app| {
        let url =
            std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://guest:guest@127.0.0.1:5672/%2f".to_owned());
        let name = std::env::args().nth(1).unwrap_or_else(|| "emails".to_owned());
        // Creates the queue if it does not exist. Waits for a server that is not available yet.
        let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        let emails =
            app.retry("queue", backoff, async || RabbitQueue::builder(&name).url(&url).open().await).await?;
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

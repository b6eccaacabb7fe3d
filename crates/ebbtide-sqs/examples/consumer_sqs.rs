//! Consumes jobs from a standard queue of Amazon SQS. A shutdown leaves no job leased, and SIGKILL loses none.
//!
//! ```sh
//! AWS_ENDPOINT_URL_SQS=http://127.0.0.1:4566 cargo run -p ebbtide-sqs --example consumer_sqs -- emails
//! ```

use std::process::ExitCode;
use std::time::Duration;

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::{Client, Config};
use ebbtide::queue::{ConsumeOptions, Job};
use ebbtide::{BoxError, Lifecycle, Stop};
use ebbtide_sqs::SqsQueue;

fn main() -> ExitCode {
    let lifecycle = Lifecycle::new("mailer");
    tracing_subscriber::fmt::init();
    lifecycle.run(async |app| {
        let name = std::env::args().nth(1).unwrap_or_else(|| "emails".to_owned());
        // Creates the queue and `NAME-dead` if they do not exist. The client has no connection to close.
        let emails = SqsQueue::builder(client(), name).open().await?;
        emails.push("a@example.org").await?;
        // SQS counts each delivery as an attempt, also one that a shutdown ended: allow for deploys.
        app.consume("emails", emails, ConsumeOptions::new(8).attempts(20), send_email);
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

/// Returns a client of an emulator. For AWS use `Client::new(&aws_config::load_from_env().await)`.
fn client() -> Client {
    let endpoint = std::env::var("AWS_ENDPOINT_URL_SQS");
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("any", "any", None, None, "emulator"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint.unwrap_or_else(|_| "http://127.0.0.1:4566".to_owned()));
    Client::from_conf(config.build())
}

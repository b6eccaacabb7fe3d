//! A service and its test, which starts it, uses it, stops it and reads the report, without a signal and without a process.
//!
//! ```sh
//! cargo test -p ebbtide --features testing --example in_a_test
//! ```

use std::process::ExitCode;
use std::time::Duration;

use ebbtide::lifecycle::Every;
use ebbtide::{BoxError, Handle, Lifecycle, Stop};

fn main() -> ExitCode {
    let lifecycle = Lifecycle::new("invoices");
    tracing_subscriber::fmt::init();
    lifecycle.run(start)
}

/// What the program runs and the test as well.
async fn start(app: Handle) -> Result<(), BoxError> {
    let invoices = app.workers("invoices", 2, send);
    app.every("month", Every::rate(Duration::from_secs(3600)).at_once(), move || {
        let invoices = invoices.clone();
        async move {
            for customer in ["Ada", "Grace", "Barbara"] {
                invoices.send(customer).await?;
            }
            Ok(())
        }
    });
    Ok(())
}

async fn send(customer: &str, _stop: Stop) -> Result<(), BoxError> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    tracing::info!(customer, "invoice sent");
    Ok(())
}

#[cfg(test)]
mod tests {
    use ebbtide::testing::{Trial, lifecycle};

    use super::*;

    /// Under paused time the seconds of the jobs and of the shutdown take none.
    #[tokio::test(start_paused = true)]
    async fn invoices_that_were_accepted_are_sent_before_the_service_exits() {
        let service = Trial::start(lifecycle("invoices"), start);
        service.ready().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let report = service.stop().await;
        assert_eq!(report.exit_code, 0, "{report:?}");
        assert_eq!(report.component("invoices").map(|invoices| invoices.finished), Some(3));
    }
}

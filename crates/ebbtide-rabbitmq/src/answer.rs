use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use super::RabbitQueueError;

/// A server that is there answers in milliseconds. One that takes longer is tried again by whoever called.
const PATIENCE: Duration = Duration::from_secs(5);

/// Waits for the answer to a command, and not for ever.
pub(super) async fn answer<T>(
    action: impl FnOnce() -> String,
    command: impl Future<Output = lapin::Result<T>>,
) -> Result<T, RabbitQueueError> {
    match timeout(PATIENCE, command).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(RabbitQueueError::Refused { action: action(), source }),
        Err(_) => Err(RabbitQueueError::Silent { action: action() }),
    }
}

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long the operation may continue after the drop. No caller waits for the response, but the close of the pool
/// waits for the connection: this is what a server that does not respond may cost the shutdown. A new connection to a busy
/// server can take more than a second.
const MOMENT: Duration = Duration::from_secs(3);

/// Runs an operation. If it is dropped, the operation continues in a task for a short time.
///
/// The server counts a connection as abandoned if it is dropped half open, or closed with a response unread. So a
/// dropped caller drops the response, not the connection. The pool owns the connection all the time, and closes only
/// after it has returned.
#[must_use = "futures do nothing unless polled"]
pub(super) struct FinishOnDrop<F: Future<Output: Send> + Send + 'static> {
    asking: Option<Pin<Box<F>>>,
}

pub(super) fn finish_on_drop<F: Future<Output: Send> + Send + 'static>(asking: F) -> FinishOnDrop<F> {
    FinishOnDrop { asking: Some(Box::pin(asking)) }
}

impl<F: Future<Output: Send> + Send + 'static> Future for FinishOnDrop<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Some(asking) = &mut self.asking else { return Poll::Pending };
        let answer = ready!(asking.as_mut().poll(cx));
        self.asking = None;
        Poll::Ready(answer)
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for FinishOnDrop<F> {
    fn drop(&mut self) {
        // Without a runtime the connection is lost in any case.
        if let (Some(asking), Ok(runtime)) = (self.asking.take(), Handle::try_current()) {
            runtime.spawn(async move {
                if timeout(MOMENT, asking).await.is_err() {
                    ebbtide::adapter::log_warn!(
                        waited = ?MOMENT,
                        "PostgreSQL did not respond; connection dropped, which the server counts as abandoned"
                    );
                }
            });
        }
    }
}

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long it may still take. Nobody waits for the answer any more, but the close of the pool does for the connection.
const MOMENT: Duration = Duration::from_secs(1);

/// Asks the server and goes on with it for a moment when it is dropped, in a task.
///
/// A connection that is dropped half made, or closed with an answer unread, is one that the server counts as abandoned:
/// whoever gives up asking lets go of the answer, and not of the connection. That is in the pool's hands all the time, which is
/// not closed before it has come back.
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
        // Without a runtime the connection is gone anyway.
        if let (Some(asking), Ok(runtime)) = (self.asking.take(), Handle::try_current()) {
            runtime.spawn(async move {
                let _answer = timeout(MOMENT, asking).await;
            });
        }
    }
}

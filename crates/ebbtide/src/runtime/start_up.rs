use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use super::{BoxError, panics};
use crate::drain::Stop;
use crate::model::End;

/// Runs the start-up closure's future until it ends, or until the stop abandons it.
///
/// What it returns once the stop has begun counts for nothing: a retry or a send that the stop ended is no failed start-up. It
/// is dropped before this returns, so that what it had opened and not registered is closed.
pub(crate) async fn start_up(future: impl Future<Output = Result<(), BoxError>>, stop: &Stop) -> End {
    let mut future = Some(Box::pin(future));
    let end = {
        let guarded = poll_fn(|context| {
            let Some(future) = future.as_mut() else { return Poll::Ready(End::Aborted) };
            match catch_unwind(AssertUnwindSafe(|| Pin::as_mut(future).poll(context))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(Ok(()))) => Poll::Ready(End::Done { cut: 0 }),
                Ok(Poll::Ready(Err(error))) => Poll::Ready(End::Failed(panics::chain(&*error))),
                Err(panic) => Poll::Ready(End::Panicked(panics::message(&*panic))),
            }
        });
        tokio::select! {
            biased;
            () = stop.stopping() => End::Aborted,
            end = guarded => end,
        }
    };
    let end = match end {
        // Whatever in it had seen the stop first and gave up for it.
        End::Failed(error) if stop.is_stopping() => {
            tracing::debug!(error, "the start-up is abandoned");
            End::Aborted
        }
        end => end,
    };
    match catch_unwind(AssertUnwindSafe(|| drop(future.take()))) {
        Ok(()) => end,
        Err(panic) => End::Panicked(panics::message(&*panic)),
    }
}

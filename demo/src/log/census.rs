use std::pin::Pin;

use ebbtide::BoxError;

use crate::store::Store;

/// Returns what logs now and then how many orders there are in each state.
pub(crate) fn census(
    store: Store,
) -> impl FnMut() -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>> + Send {
    move || {
        let store = store.clone();
        Box::pin(async move {
            match store.counts().await {
                Ok(counts) => {
                    tracing::info!(
                        stored = counts.stored,
                        queued = counts.queued,
                        processing = counts.processing,
                        done = counts.done,
                        "orders"
                    );
                }
                // A ticker's error would stop the service; a number that is missing once is no reason to.
                Err(error) => tracing::warn!(%error, "failed to count the orders"),
            }
            Ok(())
        })
    }
}

use ebbtide::BoxError;
use tokio::task::JoinSet;

/// Waits for one job to end, and takes along whatever else has ended: so much room is there for the next batch.
pub(super) async fn make_room(running: &mut JoinSet<Result<(), BoxError>>) -> Result<(), BoxError> {
    if let Some(ended) = running.join_next().await {
        ended??;
    }
    while let Some(ended) = running.try_join_next() {
        ended??;
    }
    Ok(())
}

/// Waits for all jobs to end.
pub(super) async fn all_ended(mut running: JoinSet<Result<(), BoxError>>) -> Result<(), BoxError> {
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

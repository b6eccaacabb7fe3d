use ebbtide::BoxError;
use tokio::task::JoinSet;

use super::work::Work;

/// A client crate, used as a careful user would who wants what the loop promises, and has no loop.
///
/// The program is the same for all of them: it asks for as many jobs as it has room for, runs each in a task of its own,
/// and acknowledges each there. A job's place is free when the broker has confirmed that, as it is with us.
pub(super) trait ByHand: Clone + Send + Sync + 'static {
    /// What was taken.
    type Job: Send + 'static;

    /// Waits for jobs and returns up to `max` of them, at least one.
    fn take(&mut self, max: usize) -> impl Future<Output = Result<Vec<Self::Job>, BoxError>> + Send;

    /// Acknowledges a job.
    fn ack(self, job: Self::Job) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Works the queue off.
    fn work_off(mut self, work: &Work, places: usize) -> impl Future<Output = Result<(), BoxError>> + Send {
        async move {
            let (mut running, mut untaken) = (JoinSet::new(), work.left());
            while untaken > 0 {
                make_room(&mut running, places).await?;
                let taken = self.take(untaken.min(places - running.len())).await?;
                untaken -= taken.len();
                for job in taken {
                    running.spawn(one(self.clone(), job, work.clone()));
                }
            }
            while let Some(ended) = running.join_next().await {
                ended??;
            }
            Ok(())
        }
    }
}

async fn one<H: ByHand>(hand: H, job: H::Job, work: Work) -> Result<(), BoxError> {
    work.run();
    hand.ack(job).await
}

/// Waits until there is a free place, and takes along whatever else has ended.
async fn make_room(running: &mut JoinSet<Result<(), BoxError>>, places: usize) -> Result<(), BoxError> {
    if running.len() >= places
        && let Some(ended) = running.join_next().await
    {
        ended??;
    }
    while let Some(ended) = running.try_join_next() {
        ended??;
    }
    Ok(())
}

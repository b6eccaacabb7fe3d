use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::drain::Stop;
use crate::lifecycle::books::Books;
use crate::runtime::BoxError;

/// The receiving side of a pool.
pub(super) struct Crew<F> {
    pub(super) name: String,
    pub(super) books: Arc<Books>,
    pub(super) run: Arc<F>,
}

impl<F> Crew<F> {
    pub(super) async fn run<T, Fut>(
        self,
        mut jobs: mpsc::Receiver<T>,
        workers: usize,
        stop: Stop,
        mut unfed: oneshot::Receiver<()>,
    ) -> Result<(), BoxError>
    where
        T: Send + 'static,
        F: Fn(T, Stop) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let free = Arc::new(Semaphore::new(workers));
        let mut running = JoinSet::new();
        let (mut open, mut exhausted) = (true, false);
        loop {
            if exhausted && running.is_empty() {
                // The queue was closed and is empty, or all senders are gone.
                stop.stopping().await;
                return Ok(());
            }
            tokio::select! {
                biased;
                () = stop.cut() => break,
                // The jobs know of the stop by now; whoever sends them may still have some.
                _ = &mut unfed, if open => {
                    open = false;
                    jobs.close();
                }
                Some(result) = running.join_next(), if !running.is_empty() => self.settle(result),
                job = self.next(&mut jobs, &free), if !exhausted => match job {
                    Some((job, permit)) => {
                        let (run, stop) = (Arc::clone(&self.run), stop.clone());
                        let held = (self.books.running.guard(), self.books.names.register(self.name.clone()), permit);
                        running.spawn(async move {
                            let result = run(job, stop).await;
                            drop(held);
                            result
                        });
                    }
                    None => exhausted = true,
                },
            }
        }
        jobs.close();
        // What is queued is not run any more. Whoever keeps a place is not waited for.
        self.books.end();
        // Jobs that look at their token end by themselves until the task is aborted, and then they are dropped with it.
        let mut books = Cutting { books: &self.books, left: running.len() as u64 };
        while let Some(result) = running.join_next().await {
            books.left -= 1;
            self.settle(result);
        }
        Ok(())
    }

    async fn next<T>(
        &self,
        jobs: &mut mpsc::Receiver<T>,
        free: &Arc<Semaphore>,
    ) -> Option<(T, tokio::sync::OwnedSemaphorePermit)> {
        // A permit first: a job that was received is run. The semaphore is never closed.
        let permit = Arc::clone(free).acquire_owned().await.ok()?;
        let job = jobs.recv().await?;
        self.books.queued.fetch_sub(1, Ordering::SeqCst);
        Some((job, permit))
    }

    fn settle(&self, result: Result<Result<(), BoxError>, tokio::task::JoinError>) {
        self.books.finished.fetch_add(1, Ordering::SeqCst);
        match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(pool = self.name, error, "a job failed"),
            Err(error) => tracing::error!(pool = self.name, %error, "a job panicked"),
        }
    }
}

/// Counts what is left as cut, when the pool's task is aborted as well.
struct Cutting<'a> {
    books: &'a Books,
    left: u64,
}

impl Drop for Cutting<'_> {
    fn drop(&mut self) {
        self.books.cut.fetch_add(self.left, Ordering::SeqCst);
    }
}

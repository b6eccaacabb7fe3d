use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ebbtide::drain::Stop;
use sqlx::Executor as _;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use super::PostgresQueue;
use super::finish_on_drop::finish_on_drop;
use super::statements::CHANNEL;

/// The backoff between two attempts to listen: the first and the maximum.
const BACKOFF: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// A connection that only listens detects a dead peer only by sending something: after this time without a
/// notification it runs a query.
const SILENCE: Duration = Duration::from_secs(30);

/// The timeout for that query, and for the close of the connection.
const PATIENCE: Duration = Duration::from_secs(2);

/// Listens for notifications, over a dedicated connection. A connection of the pool would be missing there, and would
/// delay its close.
///
/// It is a task, not a part of `fetch`: a consumer with long jobs does not fetch, and while a client does not read
/// its notifications, the server stores them.
#[derive(Debug, Default)]
pub(super) struct NotifyListener {
    task: Mutex<Option<ListenTask>>,
}

#[derive(Debug)]
struct ListenTask {
    /// The task ends when this is dropped.
    end: oneshot::Sender<()>,
    tasks: JoinSet<()>,
}

impl NotifyListener {
    /// Starts to listen, unless the task is running, until `stop` is stopping.
    pub(super) fn listen(&self, queue: &PostgresQueue, stop: &Stop) {
        let mut task = self.lock();
        if stop.is_stopping() || task.as_mut().is_some_and(|task| task.tasks.try_join_next().is_none()) {
            return;
        }
        let options = PgConnectOptions::clone(&queue.pool.connect_options());
        let listener =
            ListenLoop { options, name: Arc::clone(&queue.name), wake: Arc::clone(&queue.shared.wake) };
        let (end, ended) = oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(listener.run(stop.clone(), ended));
        *task = Some(ListenTask { end, tasks });
    }

    /// Ends the task, and returns when the connection is closed.
    pub(super) async fn close(&self) {
        let task = self.lock().take();
        if let Some(ListenTask { end, mut tasks }) = task {
            drop(end);
            tasks.join_next().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<ListenTask>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct ListenLoop {
    options: PgConnectOptions,
    name: Arc<str>,
    wake: Arc<Notify>,
}

impl ListenLoop {
    async fn run(self, stop: Stop, mut ended: oneshot::Receiver<()>) {
        let mut backoff = BACKOFF[0];
        loop {
            let pool = PgPoolOptions::new()
                .max_connections(1)
                .acquire_timeout(BACKOFF[1])
                .max_lifetime(None)
                .idle_timeout(None)
                .connect_lazy_with(self.options.clone());
            let error = tokio::select! {
                biased;
                () = stop.stopping() => None,
                _ = &mut ended => None,
                error = self.listen(&pool, &mut backoff) => Some(error),
            };
            // A dropped listener unsubscribes before its connection returns to the pool, so that nothing is left
            // unread. The close sends a termination message; a server that does not respond is not waited for.
            let _ = tokio::time::timeout(PATIENCE, pool.close()).await;
            let Some(error) = error else { return };
            ebbtide::adapter::log_warn!(
                queue = &*self.name,
                %error,
                "LISTEN failed; falling back to polling"
            );
            tokio::select! {
                biased;
                () = stop.stopping() => return,
                _ = &mut ended => return,
                () = tokio::time::sleep(backoff) => {}
            }
            backoff = backoff.saturating_mul(2).min(BACKOFF[1]);
        }
    }

    /// Wakes the waiting fetches at each notification, until the connection fails.
    async fn listen(&self, pool: &sqlx::PgPool, backoff: &mut Duration) -> sqlx::Error {
        match self.try_listen(pool, backoff).await {
            Ok(()) => sqlx::Error::Io(std::io::ErrorKind::UnexpectedEof.into()),
            Err(error) => error,
        }
    }

    async fn try_listen(&self, pool: &sqlx::PgPool, backoff: &mut Duration) -> Result<(), sqlx::Error> {
        let pool = pool.clone();
        let mut listener = finish_on_drop(async move { PgListener::connect_with(&pool).await }).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        *backoff = BACKOFF[0];
        // For jobs that were pushed while this task was not listening.
        self.wake.notify_waiters();
        loop {
            match tokio::time::timeout(SILENCE, listener.try_recv()).await {
                Ok(Ok(Some(notification))) if notification.payload() == &*self.name => {
                    self.wake.notify_waiters();
                }
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Err(_) => {
                    let answer = tokio::time::timeout(PATIENCE, listener.execute("SELECT 1")).await;
                    answer.map_err(|_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))??;
                }
            }
        }
    }
}

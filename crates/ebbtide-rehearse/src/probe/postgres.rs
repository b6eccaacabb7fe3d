//! The service's PostgreSQL sessions, as the server counts and shows them.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::{Connection as _, Error, PgConnection};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::DatabaseTrouble;
use crate::clock::{At, Clock};
use crate::record::{Database, Session};
use crate::words;

/// Watches one database for a run. Start it before the service: sessions that already exist are not the service's.
#[derive(Debug)]
pub(crate) struct DatabaseProbe {
    task: JoinSet<Database>,
    now: watch::Sender<Moment>,
}

#[derive(Clone, Copy, Debug)]
enum Moment {
    Before,
    Signalled(At),
    Over(At),
}

/// The time between two samples.
const EVERY: Duration = Duration::from_millis(20);
/// How long a session may exist after its client has disconnected (measured: up to 55 ms).
const GONE_WITHIN: Duration = Duration::from_millis(250);
/// The server publishes its session counts with a delay of about a second.
const COUNTS_WITHIN: Duration = Duration::from_millis(2500);

const SESSIONS: &str = "SELECT pid, coalesce(state, ''), left(coalesce(query, ''), 80) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
const ABANDONED: &str = "SELECT sessions_abandoned FROM pg_stat_database WHERE datname = current_database()";

impl DatabaseProbe {
    /// Connects to `url` and begins to watch.
    ///
    /// # Errors
    ///
    /// The database cannot be reached or queried.
    pub(crate) async fn start(url: &str, clock: Clock) -> Result<Self, DatabaseTrouble> {
        let trouble = |error: Error| DatabaseTrouble(words::chain(&error));
        let mut client = PgConnection::connect(url).await.map_err(trouble)?;
        let before = sessions(&mut client).await.map_err(trouble)?;
        let before: HashSet<i32> = before.into_iter().map(|session| session.pid).collect();
        let abandoned = abandoned(&mut client).await;
        let (now, moment) = watch::channel(Moment::Before);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut seen = Database::default();
            if let Err(error) = observe(&mut client, &before, clock, &moment, abandoned, &mut seen).await {
                seen.trouble = Some(words::chain(&error));
            }
            // What was seen counts, however the connection ends.
            let _closed = client.close().await;
            seen
        });
        Ok(Self { task, now })
    }

    /// Records when the signal was sent.
    pub(crate) fn signalled(&self, at: At) {
        self.now.send_replace(Moment::Signalled(at));
    }

    /// Records when the service exited, waits for the server's counts, and returns the observations.
    pub(crate) async fn stop(mut self, exit: At) -> Database {
        self.now.send_replace(Moment::Over(exit));
        self.task.join_next().await.and_then(Result::ok).unwrap_or_default()
    }
}

async fn observe(
    client: &mut PgConnection,
    before: &HashSet<i32>,
    clock: Clock,
    moment: &watch::Receiver<Moment>,
    abandoned_before: Option<i64>,
    seen: &mut Database,
) -> Result<(), Error> {
    let exit = loop {
        let left = own(client, before).await?;
        let at = clock.now();
        let now = *moment.borrow();
        match now {
            Moment::Before => seen.most = seen.most.max(left.len()),
            Moment::Signalled(since) if left.is_empty() && at > since => {
                seen.emptied.get_or_insert(at);
            }
            // New sessions were opened during the drain: it was not empty for good.
            Moment::Signalled(_) => seen.emptied = None,
            Moment::Over(exit) => break exit,
        }
        seen.last = Some((at, left));
        sleep(EVERY).await;
    };
    let last = exit + GONE_WITHIN;
    loop {
        seen.left = own(client, before).await?;
        if seen.left.is_empty() || clock.now() >= last {
            break;
        }
        sleep(EVERY).await;
    }
    let Some(abandoned_before) = abandoned_before else { return Ok(()) };
    let last = exit + COUNTS_WITHIN;
    loop {
        let grown = abandoned(client).await.map(|now| now - abandoned_before);
        seen.abandoned = grown;
        if grown.is_none_or(|grown| grown > 0) || clock.now() >= last {
            return Ok(());
        }
        sleep(EVERY.saturating_mul(5)).await;
    }
}

/// The sessions of the service.
async fn own(client: &mut PgConnection, before: &HashSet<i32>) -> Result<Vec<Session>, Error> {
    let all = sessions(client).await?;
    Ok(all.into_iter().filter(|session| !before.contains(&session.pid)).collect())
}

async fn sessions(client: &mut PgConnection) -> Result<Vec<Session>, Error> {
    let rows: Vec<(i32, String, String)> = sqlx::query_as(SESSIONS).fetch_all(client).await?;
    Ok(rows.into_iter().map(|(pid, state, query)| Session { pid, state, query }).collect())
}

/// The server's count of abandoned sessions; `None` before PostgreSQL 14.
async fn abandoned(client: &mut PgConnection) -> Option<i64> {
    sqlx::query_scalar(ABANDONED).fetch_one(client).await.ok()
}

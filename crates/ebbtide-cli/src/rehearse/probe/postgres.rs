//! The service's PostgreSQL sessions, as the server counts and shows them.

use std::collections::HashSet;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_postgres::{Client, Error, NoTls};

use crate::clock::{At, Clock};
use crate::rehearse::record::{Database, Session};
use crate::words;

/// Watches one database for a run. Begin before the service starts: sessions that are there already are not its own.
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

/// The database cannot be observed.
#[derive(Debug, Error)]
#[error("cannot observe the database: {}", words::chain(.0))]
pub(crate) struct DatabaseTrouble(#[from] Error);

/// The time between two samples.
const EVERY: Duration = Duration::from_millis(20);
/// A session may need this long to go after its client went (measured: up to 55 ms).
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
    /// The database cannot be reached or does not let itself be looked at.
    pub(crate) async fn start(url: &str, clock: Clock) -> Result<Self, DatabaseTrouble> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let before: HashSet<i32> = sessions(&client).await?.into_iter().map(|session| session.pid).collect();
        let abandoned = abandoned(&client).await;
        let (now, moment) = watch::channel(Moment::Before);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let _driver = driver;
            let mut seen = Database::default();
            if let Err(error) = observe(&client, &before, clock, &moment, abandoned, &mut seen).await {
                seen.trouble = Some(words::chain(&error));
            }
            seen
        });
        Ok(Self { task, now })
    }

    /// Says when the signal was sent.
    pub(crate) fn signalled(&self, at: At) {
        self.now.send_replace(Moment::Signalled(at));
    }

    /// Says when the service was gone, waits for the server's counts, and tells what was seen.
    pub(crate) async fn stop(mut self, exit: At) -> Database {
        self.now.send_replace(Moment::Over(exit));
        self.task.join_next().await.and_then(Result::ok).unwrap_or_default()
    }
}

async fn observe(
    client: &Client,
    before: &HashSet<i32>,
    clock: Clock,
    moment: &watch::Receiver<Moment>,
    abandoned_before: Option<i64>,
    seen: &mut Database,
) -> Result<(), Error> {
    let own = async || -> Result<Vec<Session>, Error> {
        let all = sessions(client).await?;
        Ok(all.into_iter().filter(|session| !before.contains(&session.pid)).collect())
    };
    let exit = loop {
        let left = own().await?;
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
        seen.left = own().await?;
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
        sleep(EVERY * 5).await;
    }
}

async fn sessions(client: &Client) -> Result<Vec<Session>, Error> {
    let rows = client.query(SESSIONS, &[]).await?;
    rows.iter()
        .map(|row| Ok(Session { pid: row.try_get(0)?, state: row.try_get(1)?, query: row.try_get(2)? }))
        .collect()
}

/// The server's count of abandoned sessions; `None` before PostgreSQL 14.
async fn abandoned(client: &Client) -> Option<i64> {
    client.query_one(ABANDONED, &[]).await.ok()?.try_get(0).ok()
}

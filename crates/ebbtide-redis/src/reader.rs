use std::pin::pin;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use ebbtide::adapter::clock;
use ebbtide::drain::Stop;
use redis::{Cmd, FromRedisValue as _, RedisError, Value};
use tokio::sync::Mutex;

use super::ahead::Ahead;
use super::commands::Commands;
use super::entry::{Entry, Fields};
use super::link::{Connection, Identity, Link};

/// The longest time that a read blocks. Delayed jobs and those of dead consumers are polled in between.
const LONGEST: Duration = Duration::from_secs(1);

/// The interval between two unblock commands: the first one may arrive before the block has begun.
const AGAIN: Duration = Duration::from_millis(5);

/// The time within which an unblocked read must return before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(2);

/// The streams, each with its entries.
type Streams = Vec<(String, Fields)>;

/// Reads new entries, on a dedicated connection: a block delays every other command on its connection.
///
/// 1. An entry that Redis delivers to a read belongs to this consumer, whether or not the response arrives. So a read
///    that has begun is never dropped: the stop ends the block at the server, and the response is read to the end.
/// 2. A connection whose read failed, or was dropped with the future, is not used again: its next response would
///    belong to another command. The server closes it before it receives any other command, so that nothing is read
///    on it later.
#[derive(Debug, Default)]
pub(super) struct Reader {
    idle: Mutex<Option<Connection>>,
    /// Until when a read may still get entries in a response that was not seen, if this user may not close its
    /// connection.
    unseen: Lock<Option<Instant>>,
}

/// A connection with a read in progress. If it is dropped before the response, the connection is abandoned.
#[derive(Debug)]
struct InUse<'a> {
    link: &'a Link,
    connection: Option<Connection>,
}

impl Reader {
    /// Waits up to `block` for new entries, and returns up to `max` of them. Stops waiting when `ahead` has an entry.
    pub(super) async fn read(
        &self,
        commands: &Commands,
        max: usize,
        block: Duration,
        ahead: &Ahead,
        stop: &Stop,
    ) -> Result<Vec<Entry>, RedisError> {
        let mut idle = self.idle.lock().await;
        let connection = match idle.take() {
            Some(connection) => connection,
            None => match stop.unless_stopping(commands.link.connect(LONGEST)).await {
                Some(made) => made?,
                None => return Ok(Vec::new()),
            },
        };
        let block = block.min(LONGEST);
        let command = command(commands, max, block);
        self.set_unseen(Some(clock::after(clock::now(), block)));
        let mut in_use = InUse { link: &commands.link, connection: Some(connection.clone()) };
        let entries = read(connection.clone(), commands, &command, ahead, stop).await?;
        self.set_unseen(None);
        in_use.connection = None;
        *idle = Some(connection);
        Ok(entries)
    }

    /// Waits until no unseen read can get entries any more.
    pub(super) async fn wait_for_unseen_reads(&self) {
        let unseen = *self.unseen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = unseen {
            tokio::time::sleep_until(until.into()).await;
        }
    }

    pub(super) async fn close(&self) {
        *self.idle.lock().await = None;
    }

    fn set_unseen(&self, until: Option<Instant>) {
        *self.unseen.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            self.link.leave(connection);
        }
    }
}

async fn read(
    mut connection: Connection,
    commands: &Commands,
    command: &Cmd,
    ahead: &Ahead,
    stop: &Stop,
) -> Result<Vec<Entry>, RedisError> {
    let mut answer = pin!(command.query_async::<Value>(&mut connection.wire));
    let value = tokio::select! {
        biased;
        value = &mut answer => value?,
        () = enough(ahead, stop) => {
            let ended = tokio::select! {
                biased;
                value = answer => value,
                never = end_block(commands, connection.identity.as_ref()) => match never {},
                () = tokio::time::sleep(PATIENCE) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
            };
            ended?
        }
    };
    let streams = Option::<Streams>::from_redis_value(value)?.unwrap_or_default();
    let entries = streams.into_iter().flat_map(|(_stream, entries)| entries);
    Ok(entries.map(|(id, fields)| Entry::new(id, fields)).collect())
}

/// Returns when a read should stop blocking.
async fn enough(ahead: &Ahead, stop: &Stop) {
    let arrived = async {
        ahead.arrived().await;
        // A read that does not block has its response by then.
        tokio::time::sleep(AGAIN).await;
    };
    tokio::select! {
        () = stop.stopping() => {}
        () = arrived => {}
    }
}

fn command(commands: &Commands, max: usize, block: Duration) -> Cmd {
    let mut command = redis::cmd("XREADGROUP");
    command.arg("GROUP").arg(&commands.group).arg(&commands.consumer).arg("COUNT").arg(max);
    let block = u64::try_from(block.as_millis()).unwrap_or(u64::MAX).max(1);
    command.arg("BLOCK").arg(block).arg("STREAMS").arg(&commands.keys.stream).arg(">");
    command
}

/// Unblocks a connection, repeatedly: the read may reach the server after the first unblock command.
///
/// Where this is not permitted, the block ends by its timeout.
async fn end_block(commands: &Commands, identity: Option<&Arc<Identity>>) -> std::convert::Infallible {
    let Some(identity) = identity else { return std::future::pending().await };
    let command = identity.unblock();
    loop {
        if let Err(error) = commands.link.query::<i64>(&command).await {
            tracing::debug!(%error, "cannot end the blocking read");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

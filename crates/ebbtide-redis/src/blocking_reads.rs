use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use ebbtide::drain::Stop;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisResult, cmd};
use tokio::time::sleep;

/// Blocking reads, such as `BLPOP`, `BLMOVE` or `XREAD BLOCK`, that the stop ends without losing an element.
///
/// Dropping a blocked read may lose an element: the server takes it from its list and has no client to send it to. So
/// the read is not dropped. A second connection asks the server to unblock it (`CLIENT UNBLOCK`), and an element that
/// was taken by then still arrives. That connection is opened when the shutdown begins, and again whenever it fails.
/// So a server that does not respond delays the component until its deadline.
///
/// # Examples
///
/// ```no_run
/// use ebbtide_redis::BlockingReads;
/// # use ebbtide::{BoxError, Handle};
///
/// # async fn start(app: Handle) -> Result<(), BoxError> {
/// let mut reads = BlockingReads::connect(&redis::Client::open("redis://127.0.0.1/")?).await?;
/// app.subscriber("orders", |stop| async move {
///     let mut pop = redis::cmd("BLPOP");
///     pop.arg("orders").arg(0);
///     while let Some((_list, order)) = reads.read::<(String, String)>(&pop, &stop).await? {
///         println!("{order}");
///     }
///     Ok(())
/// });
/// # Ok(()) }
/// ```
pub struct BlockingReads {
    /// Opens the second connection. A connection that was open and idle all the time would be closed by the shutdown:
    /// a server with a `timeout` closes idle connections, and exempts only blocked ones.
    client: Client,
    reading: MultiplexedConnection,
    id: i64,
}

/// How long an unblocked read may take before the server is asked again: the first request may arrive before the
/// read.
const TELL_AGAIN: Duration = Duration::from_millis(20);

/// How long the second connection may take to open and to respond before another one is tried: more than a healthy
/// server takes.
const PATIENCE: Duration = Duration::from_secs(2);

impl BlockingReads {
    /// Opens the connection that reads.
    ///
    /// # Errors
    ///
    /// Returns an error if the server cannot be reached, or does not permit `CLIENT ID` and `CLIENT UNBLOCK`.
    pub async fn connect(client: &Client) -> RedisResult<Self> {
        // A blocked read is not a timeout.
        let patient = AsyncConnectionConfig::new().set_response_timeout(None);
        let mut reading = client.get_multiplexed_async_connection_with_config(&patient).await?;
        let id = cmd("CLIENT").arg("ID").query_async(&mut reading).await?;
        // A missing permission must show now, not at the shutdown. The command has no effect on a connection that is
        // not blocked.
        unblock(id).exec_async(&mut reading).await?;
        Ok(Self { client: client.clone(), reading, id })
    }

    /// Sends a blocking read and returns its response. Repeats the read after a nil. Returns `None` if the shutdown
    /// has begun and no element arrived.
    ///
    /// If `stop` is stopping already, nothing is read.
    ///
    /// # Errors
    ///
    /// Returns an error if the reading connection is lost, or the server rejects the command.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: an element that the server takes for a dropped read is lost. Signal the token instead.
    pub async fn read<T: FromRedisValue>(&mut self, read: &Cmd, stop: &Stop) -> RedisResult<Option<T>> {
        while !stop.is_stopping() {
            let reading = read.query_async::<Option<T>>(&mut self.reading);
            let answer = tokio::select! {
                biased;
                answer = reading => answer?,
                never = end(&self.client, self.id, stop) => match never {},
            };
            if answer.is_some() {
                return Ok(answer);
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for BlockingReads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingReads").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Unblocks the read of a connection once the shutdown has begun. Repeats this until the read returns, also when the
/// second connection fails.
async fn end(client: &Client, id: i64, stop: &Stop) -> Infallible {
    stop.stopping().await;
    loop {
        let Err(error) = keep_unblocking(client, id).await;
        tracing::debug!(%error, "cannot end the blocking read; retrying");
        sleep(TELL_AGAIN).await;
    }
}

async fn keep_unblocking(client: &Client, id: i64) -> RedisResult<Infallible> {
    let limits = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let mut control = client.get_multiplexed_async_connection_with_config(&limits).await?;
    loop {
        unblock(id).exec_async(&mut control).await?;
        sleep(TELL_AGAIN).await;
    }
}

fn unblock(id: i64) -> Cmd {
    let mut command = cmd("CLIENT");
    command.arg("UNBLOCK").arg(id);
    command
}

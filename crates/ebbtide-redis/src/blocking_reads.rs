use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use ebbtide::drain::Stop;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisResult, cmd};
use tokio::time::sleep;

/// Reads that wait at the server, such as `BLPOP`, `BLMOVE` or `XREAD BLOCK`, and that the stop wakes without losing anything.
///
/// A read that is dropped while it waits may lose an element: the server takes it from its list at that moment, and answers
/// nobody. So it is not dropped: a second connection tells the server to end it (`CLIENT UNBLOCK`), and what it had taken by
/// then still comes. That connection is opened when the stop begins, and anew as often as it fails: a server that doesn't
/// answer then holds the component to its deadline.
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
    /// Opens the second connection. One that had been open all along would be gone at the stop: a server with a `timeout` closes
    /// what is idle, and only who is blocked is exempt.
    client: Client,
    reading: MultiplexedConnection,
    id: i64,
}

/// How long an unblocked read may take to answer before the server is told again: the first word may have come before the read.
const TELL_AGAIN: Duration = Duration::from_millis(20);

/// How long the second connection may take to open and to answer before another one is tried: more than a server that lives takes.
const PATIENCE: Duration = Duration::from_secs(2);

impl BlockingReads {
    /// Opens the connection that reads.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, or doesn't permit `CLIENT ID` and `CLIENT UNBLOCK`.
    pub async fn connect(client: &Client) -> RedisResult<Self> {
        // A read that waits is no server that doesn't answer.
        let patient = AsyncConnectionConfig::new().set_response_timeout(None);
        let mut reading = client.get_multiplexed_async_connection_with_config(&patient).await?;
        let id = cmd("CLIENT").arg("ID").query_async(&mut reading).await?;
        // Who may not do that should know it now, and not at the stop. It does nothing to a connection that isn't blocked.
        unblock(id).exec_async(&mut reading).await?;
        Ok(Self { client: client.clone(), reading, id })
    }

    /// Sends a read that blocks, and returns its answer. A nil is asked again; `None` says that the stop has begun and nothing
    /// came.
    ///
    /// On a token that is stopping already nothing is read.
    ///
    /// # Errors
    ///
    /// When the connection that reads is lost, or the server refuses.
    ///
    /// # Cancel safety
    ///
    /// Not: what the server takes for it after it was dropped is lost. Raise the token instead.
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

/// Ends the read of a connection once the stop has begun: again and again, whatever becomes of the connection that says so.
async fn end(client: &Client, id: i64, stop: &Stop) -> Infallible {
    stop.stopping().await;
    loop {
        let Err(error) = keep_telling(client, id).await;
        tracing::debug!(%error, "cannot end the blocking read; retrying");
        sleep(TELL_AGAIN).await;
    }
}

async fn keep_telling(client: &Client, id: i64) -> RedisResult<Infallible> {
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

use std::fmt;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisResult, cmd};
use tokio::time::sleep;

use crate::drain::Stop;

/// Reads that wait at the server, such as `BLPOP`, `BLMOVE` or `XREAD BLOCK`, and that the stop wakes without losing anything.
///
/// A read that is dropped while it waits may lose an element: the server takes it from its list at that moment, and answers
/// nobody. So it is not dropped: a second connection tells the server to end it (`CLIENT UNBLOCK`), and what it had taken by
/// then still comes.
///
/// # Examples
///
/// ```no_run
/// use ebbtide::resource::BlockingReads;
/// # use ebbtide::{BoxError, Life};
///
/// # async fn start(life: Life) -> Result<(), BoxError> {
/// let mut reads = BlockingReads::connect(&redis::Client::open("redis://127.0.0.1/")?).await?;
/// life.subscriber("orders", |stop| async move {
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
    reading: MultiplexedConnection,
    control: MultiplexedConnection,
    id: i64,
}

/// How long an unblocked read may take to answer before the server is told again: the first word may have come before the read.
const TELL_AGAIN: Duration = Duration::from_millis(20);

impl BlockingReads {
    /// Opens the two connections.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached.
    pub async fn connect(client: &Client) -> RedisResult<Self> {
        // A read that waits is no server that doesn't answer.
        let patient = AsyncConnectionConfig::new().set_response_timeout(None);
        let mut reading = client.get_multiplexed_async_connection_with_config(&patient).await?;
        let control = client.get_multiplexed_async_connection().await?;
        let id = cmd("CLIENT").arg("ID").query_async(&mut reading).await?;
        Ok(Self { reading, control, id })
    }

    /// Sends a read that blocks, and returns its answer. A nil is asked again; `None` says that the stop has begun and nothing
    /// came.
    ///
    /// On a token that is stopping already nothing is read.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, or refuses.
    ///
    /// # Cancel safety
    ///
    /// Not: what the server takes for it after it was dropped is lost. Raise the token instead.
    pub async fn read<T: FromRedisValue>(&mut self, read: &Cmd, stop: &Stop) -> RedisResult<Option<T>> {
        while !stop.is_stopping() {
            let reading = read.query_async::<Option<T>>(&mut self.reading);
            let unblocking = unblock(&mut self.control, self.id, stop);
            let answer = tokio::select! {
                biased;
                answer = reading => answer?,
                failed = unblocking => return Err(failed),
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

/// Ends the read of a connection once the stop has begun; returns only if that fails.
async fn unblock(control: &mut MultiplexedConnection, id: i64, stop: &Stop) -> redis::RedisError {
    stop.stopping().await;
    loop {
        let told = cmd("CLIENT").arg("UNBLOCK").arg(id).exec_async(control).await;
        if let Err(error) = told {
            return error;
        }
        sleep(TELL_AGAIN).await;
    }
}

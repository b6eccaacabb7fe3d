use redis::aio::ConnectionLike;
use redis::cmd;

use crate::lifecycle::Life;

/// Redis.
impl Life {
    /// Registers a connection to Redis that its users share: a `MultiplexedConnection` or a `ConnectionManager`. When everything that
    /// the lifecycle knows of has stopped, the commands that are still under way, in tasks that nobody waits for, are done before
    /// the process goes.
    ///
    /// Redis answers in order: one `PING` at the end says that everything before it was done. A command whose future was dropped
    /// may not be sent at all; that is the client's way.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use ebbtide::{BoxError, Life};
    /// # async fn start(life: Life) -> Result<(), BoxError> {
    /// let client = redis::Client::open("redis://127.0.0.1/")?;
    /// let cache = life.redis("cache", client.get_multiplexed_async_connection().await?);
    /// # drop(cache);
    /// # Ok(()) }
    /// ```
    pub fn redis<C>(&self, name: impl Into<String>, connection: C) -> C
    where
        C: ConnectionLike + Clone + Send + 'static,
    {
        self.resource(name, connection, |mut connection| async move {
            cmd("PING").exec_async(&mut connection).await?;
            Ok(())
        })
    }
}

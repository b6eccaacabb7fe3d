use std::future::ready;

use ebbtide::lifecycle::Handle;
use redis::aio::ConnectionLike;
use redis::{RedisError, cmd};

/// Registers connections to Redis with a lifecycle. Implemented by [`Handle`].
pub trait RedisExt {
    /// Registers a connection to Redis that its users share: a `MultiplexedConnection` or a `ConnectionManager`. When everything that
    /// the lifecycle knows of has stopped, the commands that are still under way, in tasks that nobody waits for, are done before
    /// the process goes.
    ///
    /// Redis answers in order: one `PING` at the end says that everything before it was done. A server that takes longer than
    /// the connection's response timeout is waited for until the component's time is up. A command whose future was dropped, or
    /// whose own response timeout passed, may not be sent at all; that is the client's way.
    ///
    /// A connection that was lost before, such as one that the server closed because it was idle, has nothing under way: what it
    /// had has failed, and who waited for it knows. That is a warning. One that is lost while it is closed makes the component fail.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use ebbtide::{BoxError, Handle};
    /// use ebbtide_redis::RedisExt as _;
    ///
    /// # async fn start(app: Handle) -> Result<(), BoxError> {
    /// let client = redis::Client::open("redis://127.0.0.1/")?;
    /// let cache = app.redis("cache", client.get_multiplexed_async_connection().await?);
    /// # drop(cache);
    /// # Ok(()) }
    /// ```
    fn redis<C>(&self, name: impl Into<String>, connection: C) -> C
    where
        C: ConnectionLike + Clone + Send + 'static;
}

impl RedisExt for Handle {
    fn redis<C>(&self, name: impl Into<String>, connection: C) -> C
    where
        C: ConnectionLike + Clone + Send + 'static,
    {
        let name = name.into();
        let component = name.clone();
        self.resource(name, connection, |mut connection| async move {
            if let Some(error) = lost(&mut connection).await {
                ebbtide::adapter::log_warn!(component, %error, "connection lost before close");
                return Ok(());
            }
            loop {
                match cmd("PING").exec_async(&mut connection).await {
                    // That limit is the connection's own. Ours is the component's deadline, by which this is dropped.
                    Err(error) if error.is_timeout() => {}
                    done => return Ok(done?),
                }
            }
        })
    }
}

/// Returns why a connection is gone, if it is known to be: it then refuses a command at once, without sending it.
async fn lost(connection: &mut impl ConnectionLike) -> Option<RedisError> {
    let ping = cmd("PING");
    let refused = tokio::select! {
        biased;
        answer = ping.exec_async(connection) => answer.err(),
        () = ready(()) => None,
    };
    refused.filter(RedisError::is_connection_dropped)
}

use std::future::ready;

use ebbtide::lifecycle::Handle;
use redis::aio::ConnectionLike;
use redis::{RedisError, cmd};

/// Registers connections to Redis with a lifecycle. Implemented by [`Handle`].
pub trait RedisExt {
    /// Registers a shared connection to Redis: a `MultiplexedConnection` or a `ConnectionManager`. When every other
    /// component has stopped, it waits for commands that are still in progress in detached tasks.
    ///
    /// Redis responds in order: a final `PING` returns when every command before it was done. If the server takes
    /// longer than the connection's response timeout, the component waits until its deadline. A command whose future
    /// was dropped, or whose response timeout passed, may not be sent at all; this is how the client works.
    ///
    /// A connection that was lost before, such as one that the server closed because it was idle, has no command in
    /// progress: its commands have failed, and their callers got the errors. That is logged as a warning. A
    /// connection that is lost during the close makes the component fail.
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
                    // That limit is the connection's. The limit here is the component's deadline, at which this
                    // future is dropped.
                    Err(error) if error.is_timeout() => {}
                    done => return Ok(done?),
                }
            }
        })
    }
}

/// Returns why a connection is lost, if the client has noticed: it then rejects a command at once, without sending
/// it.
async fn lost(connection: &mut impl ConnectionLike) -> Option<RedisError> {
    let ping = cmd("PING");
    let refused = tokio::select! {
        biased;
        answer = ping.exec_async(connection) => answer.err(),
        () = ready(()) => None,
    };
    refused.filter(RedisError::is_connection_dropped)
}

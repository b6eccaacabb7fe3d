use std::str::FromStr as _;
use std::time::Duration;

use ebbtide::adapter::BoxFuture;
use ebbtide::lifecycle::{Handle, Held, Retry};
use ebbtide::{Backoff, BoxError};
use sqlx::pool::PoolOptions;
use sqlx::{ConnectOptions, Connection, Database, Pool};

/// The type of the connection options.
type Options<DB> = <<DB as Database>::Connection as Connection>::Options;

/// A server that responds takes milliseconds. One that does not is retried before the platform gives up on the
/// start-up.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Registers pools of database connections with a lifecycle. Implemented by [`Handle`].
pub trait SqlxExt {
    /// Connects to a database, waits until it is available, and registers its pool as [`sqlx`](Self::sqlx) does.
    ///
    /// Each failed attempt is logged at once, with the address and the error, and never with the password. The next
    /// attempt follows after 200 ms to 5 s. An attempt takes 5 s at most. The shutdown ends the attempts, and so does
    /// an invalid URL. In contrast, `PgPool::connect` logs nothing for half a minute: sqlx retries silently while a
    /// server refuses the connection.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL is invalid, and outside start-up also when the shutdown begins.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the current attempt is dropped.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use ebbtide::{BoxError, Handle};
    /// use ebbtide_sqlx::SqlxExt as _;
    /// use sqlx::PgPool;
    ///
    /// # async fn start(app: Handle, url: String) -> Result<(), BoxError> {
    /// let pool: PgPool = app.sqlx_connect("postgres", &url).await?;
    /// # drop(pool);
    /// # Ok(()) }
    /// ```
    fn sqlx_connect<DB: Database>(
        &self,
        name: impl Into<String>,
        url: &str,
    ) -> impl Future<Output = Result<Pool<DB>, BoxError>> + Send;

    /// Connects to a database as [`sqlx_connect`](Self::sqlx_connect) does, with options of the pool and of its
    /// connections.
    ///
    /// # Errors
    ///
    /// Outside start-up, returns an error when the shutdown begins.
    ///
    /// # Cancel safety
    ///
    /// As for [`sqlx_connect`](Self::sqlx_connect).
    fn sqlx_connect_with<DB: Database>(
        &self,
        name: impl Into<String>,
        pool: PoolOptions<DB>,
        options: Options<DB>,
    ) -> impl Future<Output = Result<Pool<DB>, BoxError>> + Send;

    /// Registers a sqlx pool. The pool is closed when everything that uses it has stopped.
    ///
    /// A closing pool gives out no connection, and waits for the connections that are in use. If `close` does not
    /// return because a connection is still held, the report shows how many are in use. Each connection sends
    /// PostgreSQL a termination message, so that none lingers there.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use ebbtide::{BoxError, Handle};
    /// use ebbtide_sqlx::SqlxExt as _;
    /// use sqlx::PgPool;
    ///
    /// # async fn start(app: Handle, url: String) -> Result<(), BoxError> {
    /// let pool = app.sqlx("postgres", PgPool::connect_lazy(&url)?);
    /// # drop(pool);
    /// # Ok(()) }
    /// ```
    fn sqlx<DB: Database>(&self, name: impl Into<String>, pool: Pool<DB>) -> Pool<DB>;
}

impl SqlxExt for Handle {
    fn sqlx_connect<DB: Database>(
        &self,
        name: impl Into<String>,
        url: &str,
    ) -> impl Future<Output = Result<Pool<DB>, BoxError>> + Send {
        let (name, options) = (name.into(), Options::<DB>::from_str(url));
        async move { self.sqlx_connect_with(name, PoolOptions::new(), options?).await }
    }

    fn sqlx_connect_with<DB: Database>(
        &self,
        name: impl Into<String>,
        pool: PoolOptions<DB>,
        options: Options<DB>,
    ) -> impl Future<Output = Result<Pool<DB>, BoxError>> + Send {
        let name = name.into();
        async move {
            let what = format!("{name} at {}", address(&options));
            let retry = Retry::new(Backoff::new(Duration::from_millis(200), ATTEMPT)).timeout(ATTEMPT);
            // One connection, without the pool: the pool would retry silently.
            let tried = options.clone();
            self.retry(what, retry, move || connects::<DB>(tried.clone())).await?;
            Ok(self.sqlx(name, pool.connect_lazy_with(options)))
        }
    }

    fn sqlx<DB: Database>(&self, name: impl Into<String>, pool: Pool<DB>) -> Pool<DB> {
        self.resource_holding(name, pool, in_use, |pool| async move {
            pool.close().await;
            Ok(())
        })
    }
}

/// Boxed with owned options: the compiler cannot prove that a borrow of them is `Send` across the await.
fn connects<DB: Database>(options: Options<DB>) -> BoxFuture<sqlx::Result<()>> {
    Box::pin(async move { options.connect().await?.close().await })
}

fn in_use<DB: Database>(pool: &Pool<DB>) -> Held {
    // The two numbers may be read at different times: subtract without underflow.
    let in_use = u64::from(pool.size()).saturating_sub(pool.num_idle() as u64);
    Held::new(in_use, if in_use == 1 { "connection in use" } else { "connections in use" })
}

/// Returns the address of a database, without its user and password.
fn address(options: &impl ConnectOptions) -> String {
    let url = options.to_url_lossy();
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => url.path().to_owned(),
    }
}

use std::str::FromStr as _;
use std::time::Duration;

use ebbtide::adapter::BoxFuture;
use ebbtide::lifecycle::{Handle, Held, Retry};
use ebbtide::{Backoff, BoxError};
use sqlx::pool::PoolOptions;
use sqlx::{ConnectOptions, Connection, Database, Pool};

/// How a database is connected to.
type Options<DB> = <<DB as Database>::Connection as Connection>::Options;

/// A server that answers takes milliseconds; one that does not shall be tried again before the platform loses patience.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Registers pools of database connections with a lifecycle. Implemented by [`Handle`].
pub trait SqlxExt {
    /// Connects to a database, waits for it if it is not there yet, and registers its pool as [`sqlx`](Self::sqlx) does.
    ///
    /// Each failed attempt is logged at once, with the address and the error, and never with the password; the next one comes after
    /// 200 ms to 5 s. An attempt takes 5 s at most. The stop ends it, and so does a URL that cannot be read. A
    /// `PgPool::connect` in its place says nothing for half a minute: sqlx tries again by itself while a server refuses.
    ///
    /// # Errors
    ///
    /// When the URL cannot be read, and outside start-up also when the stop begins.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it drops the attempt under way.
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

    /// Connects to a database as [`sqlx_connect`](Self::sqlx_connect) does, with options of the pool and of its connections.
    ///
    /// # Errors
    ///
    /// Outside start-up, when the stop begins.
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

    /// Registers a pool of sqlx, which is closed when everything that uses it has stopped.
    ///
    /// From then on it gives out no connection, and waits for those that are in use: a pool whose `close` hangs, because somebody
    /// keeps a connection, is reported with their number. PostgreSQL is told of each connection's end, so that none lingers
    /// there.
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
            // One connection, without the pool: the pool would try again by itself, and say nothing.
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

/// Boxed and given its own options, because the compiler does not prove a borrow of them `Send` where it is awaited.
fn connects<DB: Database>(options: Options<DB>) -> BoxFuture<sqlx::Result<()>> {
    Box::pin(async move { options.connect().await?.close().await })
}

fn in_use<DB: Database>(pool: &Pool<DB>) -> Held {
    // Two numbers of which each is right and both may be of different moments: never more idle than there are.
    let in_use = u64::from(pool.size()).saturating_sub(pool.num_idle() as u64);
    Held::new(in_use, if in_use == 1 { "connection in use" } else { "connections in use" })
}

/// Returns where a database is, without its user and password.
fn address(options: &impl ConnectOptions) -> String {
    let url = options.to_url_lossy();
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => url.path().to_owned(),
    }
}

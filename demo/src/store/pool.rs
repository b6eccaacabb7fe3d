use sqlx::SqlitePool;

/// The connections to one of the databases. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
}

/// Evaluates an expression for the pool, whichever database it is of: the statements differ, what is done with them does not.
macro_rules! with_pool {
    ($pools:expr, |$pool:ident| $work:expr) => {
        match $pools {
            $crate::store::Pool::Sqlite($pool) => $work,
            #[cfg(feature = "postgres")]
            $crate::store::Pool::Postgres($pool) => $work,
        }
    };
}

pub(crate) use with_pool;

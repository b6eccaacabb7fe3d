//! The two databases' SQL. It differs in the table's name and in how the table is made.

/// The statements for one database.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) create: &'static str,
    pub(super) insert: &'static str,
    pub(super) advance: &'static str,
    pub(super) find: &'static str,
    pub(super) count: &'static str,
    pub(super) without_job: &'static str,
    /// What the rehearsal reads when the service has ended.
    pub(super) states: &'static str,
}

macro_rules! statements {
    ($table:literal, $create:expr) => {
        Statements {
            create: $create,
            insert: concat!("INSERT INTO ", $table, " (id, item, quantity, state) VALUES ($1, $2, $3, $4)"),
            // An order never goes back. Its job may run before the push is noted, and twice after a crash.
            advance: concat!(
                "UPDATE ",
                $table,
                " SET state = $2 WHERE id = $1 AND state <> 'done' AND ($2 <> 'queued' OR state = 'stored')"
            ),
            find: concat!(
                "SELECT id, item, quantity, state, CAST(created_at AS TEXT) AS created_at FROM ",
                $table,
                " WHERE id = $1"
            ),
            count: concat!("SELECT state, COUNT(*) AS orders FROM ", $table, " GROUP BY state"),
            without_job: concat!("SELECT id FROM ", $table, " WHERE state = 'stored' ORDER BY id"),
            states: concat!("SELECT id, state FROM ", $table),
        }
    };
}

pub(super) const SQLITE: Statements = statements!(
    "orders",
    "CREATE TABLE IF NOT EXISTS orders (
        id TEXT PRIMARY KEY, item TEXT NOT NULL, quantity INTEGER NOT NULL, state TEXT NOT NULL,
        created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    ) WITHOUT ROWID"
);

// The lock is for several services that start at once: IF NOT EXISTS alone is no protection against that.
#[cfg(feature = "postgres")]
pub(super) const POSTGRES: Statements = statements!(
    "ebbtide_demo_orders",
    "DO $$ BEGIN
        PERFORM pg_advisory_xact_lock(3906249771);
        CREATE TABLE IF NOT EXISTS ebbtide_demo_orders (
            id TEXT PRIMARY KEY, item TEXT NOT NULL, quantity INTEGER NOT NULL, state TEXT NOT NULL,
            created_at TIMESTAMPTZ NOT NULL DEFAULT now()
        );
    END $$"
);

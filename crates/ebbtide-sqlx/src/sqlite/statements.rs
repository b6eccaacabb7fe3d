//! The SQL statements. Times are milliseconds since 1970, always by SQLite's clock: `'now'` is constant within a
//! statement.
//!
//! `due_at` is when a job may be delivered: after its delay, at once, or when its lease expires. So one condition
//! finds all three, over one index that contains nothing else; a dead-lettered job has no due time. `deliveries`
//! counts how often a job was delivered and never decreases: it identifies a lease.

macro_rules! now {
    () => {
        "CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)"
    };
}

/// The rows that a JSON array of `[id, delivery, …]` names, if they are still leased by that delivery.
macro_rules! held {
    () => {
        "leased AND (id, deliveries) IN
            (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?1))"
    };
}

/// The same, if the array holds further values.
macro_rules! said {
    () => {
        "FROM json_each(?1) AS said
        WHERE leased AND ebbtide_jobs.id = json_extract(said.value, '$[0]')
            AND deliveries = json_extract(said.value, '$[1]')
        RETURNING ebbtide_jobs.id, deliveries"
    };
}

macro_rules! is_leased {
    () => {
        concat!("(leased AND due_at > ", now!(), ")")
    };
}

macro_rules! list {
    ($condition:expr, $order:literal) => {
        concat!(
            "SELECT id, payload, attempts, error, pushed_at, due_at, dead_lettered_at FROM ebbtide_jobs
            WHERE queue = ?1 AND ",
            $condition,
            " ORDER BY ",
            $order,
            ", id LIMIT ?2"
        )
    };
}

// AUTOINCREMENT: an id is never used again. Otherwise the receipt of a finished job could settle a new one.
pub(super) const CREATE: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS ebbtide_jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        queue TEXT NOT NULL,
        payload BLOB NOT NULL,
        pushed_at INTEGER NOT NULL,
        due_at INTEGER,
        leased INTEGER NOT NULL DEFAULT 0,
        deliveries INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        error TEXT,
        dead_lettered_at INTEGER
    )",
    "CREATE INDEX IF NOT EXISTS ebbtide_jobs_due ON ebbtide_jobs (queue, due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS ebbtide_jobs_dead_lettered ON ebbtide_jobs (queue, dead_lettered_at) WHERE dead_lettered_at IS NOT NULL",
];

pub(super) const PUSH: &str = concat!(
    "INSERT INTO ebbtide_jobs (queue, payload, pushed_at, due_at) VALUES (?1, ?2, ",
    now!(),
    ", ",
    now!(),
    " + ?3)"
);

pub(super) const LEASE: &str = concat!(
    "UPDATE ebbtide_jobs SET leased = 1, deliveries = deliveries + 1, attempts = attempts + 1, due_at = ",
    now!(),
    " + ?3 WHERE id IN (SELECT id FROM ebbtide_jobs WHERE queue = ?1 AND due_at <= ",
    now!(),
    " ORDER BY due_at, id LIMIT ?2) RETURNING id, deliveries, attempts, payload"
);

pub(super) const DUE_IN: &str = concat!(
    "SELECT MAX(due_at - ",
    now!(),
    ", 0) FROM ebbtide_jobs WHERE queue = ?1 AND due_at IS NOT NULL ORDER BY due_at LIMIT 1"
);

pub(super) const ACK: &str = concat!("DELETE FROM ebbtide_jobs WHERE ", held!(), " RETURNING id, deliveries");

// To its previous place: it was due before, and the jobs behind it still are.
pub(super) const REQUEUE: &str = concat!(
    "UPDATE ebbtide_jobs SET leased = 0, due_at = pushed_at, attempts = MAX(attempts - 1, 0) WHERE ",
    held!(),
    " RETURNING id, deliveries"
);

pub(super) const RETRY: &str = concat!(
    "UPDATE ebbtide_jobs SET leased = 0, due_at = ",
    now!(),
    " + json_extract(said.value, '$[2]'), error = json_extract(said.value, '$[3]') ",
    said!()
);

pub(super) const DEAD_LETTER: &str = concat!(
    "UPDATE ebbtide_jobs SET leased = 0, due_at = NULL, dead_lettered_at = ",
    now!(),
    ", error = json_extract(said.value, '$[3]') ",
    said!()
);

pub(super) const EXTEND: &str = concat!("UPDATE ebbtide_jobs SET due_at = ", now!(), " + ?2 WHERE ", held!());

pub(super) const COUNTS: &str = concat!(
    "SELECT COUNT(*) FILTER (WHERE due_at IS NOT NULL AND NOT ",
    is_leased!(),
    "), COUNT(*) FILTER (WHERE ",
    is_leased!(),
    "), COUNT(*) FILTER (WHERE due_at IS NULL) FROM ebbtide_jobs WHERE queue = ?1"
);

pub(super) const WAITING: &str = list!(concat!("due_at IS NOT NULL AND NOT ", is_leased!()), "due_at");
pub(super) const LEASED: &str = list!(is_leased!(), "due_at");
pub(super) const DEAD_LETTERED: &str = list!("dead_lettered_at IS NOT NULL", "dead_lettered_at");

pub(super) const REQUEUE_DEAD_LETTER: &str = concat!(
    "UPDATE ebbtide_jobs SET due_at = ",
    now!(),
    ", dead_lettered_at = NULL, attempts = 0 WHERE queue = ?1 AND dead_lettered_at IS NOT NULL AND id = ?2"
);

pub(super) const REQUEUE_DEAD_LETTERS: &str = concat!(
    "UPDATE ebbtide_jobs SET due_at = ",
    now!(),
    ", dead_lettered_at = NULL, attempts = 0 WHERE queue = ?1 AND dead_lettered_at IS NOT NULL"
);

pub(super) const DISCARD: &str =
    "DELETE FROM ebbtide_jobs WHERE queue = ?1 AND dead_lettered_at IS NOT NULL AND id = ?2";

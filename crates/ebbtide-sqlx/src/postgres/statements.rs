//! The SQL statements. All times are those of the server's clock.
//!
//! `due_at` is when a job may be delivered: after its delay, at once, or when its lease expires. So one condition
//! finds all three, over one index that contains nothing else; a dead-lettered job has no due time. `deliveries`
//! counts how often a job was delivered and never decreases: it identifies a lease.
//!
//! `now()` is used where an index is searched by it, and for times that belong to a whole transaction;
//! `clock_timestamp()` where time counts from when a row was locked.

/// The notification channel; the payload is the queue's name.
macro_rules! channel {
    () => {
        "ebbtide_jobs"
    };
}

macro_rules! notify {
    ($name:literal, $whether:literal) => {
        concat!("CASE WHEN ", $whether, " THEN pg_notify('", channel!(), "', ", $name, ") END")
    };
}

/// The rows that the arrays `$1` and `$2` name, if they are still leased by that delivery. All statements lock rows
/// in the same order, so that two that settle overlapping jobs do not deadlock.
///
/// The LIMIT limits nothing. It makes the planner expect few rows: otherwise a plan that was made, and cached, while
/// the table was small reads all of it when it is large.
macro_rules! held {
    ($arrays:literal, $columns:literal) => {
        concat!(
            "WITH said AS (SELECT * FROM unnest(",
            $arrays,
            ") AS said (",
            $columns,
            ") LIMIT cardinality($1)), held AS (SELECT said.* FROM ebbtide_jobs AS job
                JOIN said ON job.id = said.id AND job.deliveries = said.delivery
                WHERE job.leased ORDER BY job.id FOR UPDATE OF job)"
        )
    };
}

/// The same, for settlements that make a job available to other consumers, which are notified.
macro_rules! freed {
    ($arrays:literal, $columns:literal, $set:literal, $name:literal, $whether:literal) => {
        concat!(
            held!($arrays, $columns),
            ", done AS (UPDATE ebbtide_jobs AS job SET leased = false, ",
            $set,
            " FROM held WHERE job.id = held.id RETURNING job.id, job.deliveries)
            SELECT id, deliveries, ",
            notify!($name, $whether),
            " FROM done"
        )
    };
}

macro_rules! millis {
    ($parameter:literal) => {
        concat!($parameter, " * interval '1 millisecond'")
    };
}

macro_rules! is_leased {
    () => {
        "(leased AND due_at > now())"
    };
}

macro_rules! list {
    ($condition:expr, $order:literal) => {
        concat!(
            "SELECT id, payload, attempts, error, (extract(epoch FROM pushed_at) * 1000)::bigint,
                (extract(epoch FROM due_at) * 1000)::bigint, (extract(epoch FROM dead_lettered_at) * 1000)::bigint
            FROM ebbtide_jobs WHERE queue = $1 AND ",
            $condition,
            " ORDER BY ",
            $order,
            ", id LIMIT $2"
        )
    };
}

macro_rules! requeue_dead_letter {
    () => {
        "UPDATE ebbtide_jobs SET due_at = now(), dead_lettered_at = NULL, attempts = 0
        WHERE queue = $1 AND dead_lettered_at IS NOT NULL"
    };
}

pub(super) const CHANNEL: &str = channel!();

// If the table exists, the user needs no right to create one. The lock is for several services that start at the same
// time, since IF NOT EXISTS alone does not prevent that race. The check is needed in any case: the lookup before the
// lock may be outdated.
pub(super) const CREATE: &str = "DO $$ BEGIN
    IF to_regclass('ebbtide_jobs') IS NULL THEN
        PERFORM pg_advisory_xact_lock(3906249772);
        CREATE TABLE IF NOT EXISTS ebbtide_jobs (
            id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            queue TEXT NOT NULL,
            payload BYTEA NOT NULL,
            pushed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
            due_at TIMESTAMPTZ,
            leased BOOLEAN NOT NULL DEFAULT false,
            deliveries BIGINT NOT NULL DEFAULT 0,
            attempts BIGINT NOT NULL DEFAULT 0,
            error TEXT,
            dead_lettered_at TIMESTAMPTZ
        );
        CREATE INDEX IF NOT EXISTS ebbtide_jobs_due ON ebbtide_jobs (queue, due_at, id)
            WHERE due_at IS NOT NULL;
        CREATE INDEX IF NOT EXISTS ebbtide_jobs_dead_lettered ON ebbtide_jobs (queue, dead_lettered_at)
            WHERE dead_lettered_at IS NOT NULL;
    END IF;
END $$";

// The ids are in the order of the arrays, since they are generated above the sort.
pub(super) const PUSH: &str = concat!(
    "WITH pushed AS (INSERT INTO ebbtide_jobs (queue, payload, due_at)
        SELECT $1, payload, now() + ",
    millis!("after"),
    " FROM unnest($2::bytea[], $3::bigint[]) WITH ORDINALITY AS job (payload, after, place)
        ORDER BY place RETURNING id)
    SELECT id, ",
    notify!("$1", "$4"),
    " FROM pushed ORDER BY id"
);

// The array of a subquery is evaluated once. `id IN (SELECT …)` runs the subquery again for each row in some plans,
// and leases more than it should; a join is planned for a tenth of the table.
pub(super) const LEASE: &str = concat!(
    "UPDATE ebbtide_jobs SET leased = true, deliveries = deliveries + 1, attempts = attempts + 1,
        due_at = clock_timestamp() + ",
    millis!("$3"),
    " WHERE id = ANY (ARRAY (SELECT id FROM ebbtide_jobs WHERE queue = $1 AND due_at <= now()
        ORDER BY due_at, id LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING id, deliveries, attempts, payload"
);

pub(super) const DUE_IN: &str =
    "SELECT greatest(ceil(extract(epoch FROM due_at - clock_timestamp()) * 1000), 0)::bigint
    FROM ebbtide_jobs WHERE queue = $1 AND due_at IS NOT NULL ORDER BY due_at, id LIMIT 1";

pub(super) const ACK: &str = concat!(
    held!("$1::bigint[], $2::bigint[]", "id, delivery"),
    " DELETE FROM ebbtide_jobs AS job USING held WHERE job.id = held.id RETURNING job.id, job.deliveries"
);

// The most frequent statement, and with one row there is no lock order to keep.
pub(super) const ACK_ONE: &str = "DELETE FROM ebbtide_jobs WHERE id = $1 AND deliveries = $2 AND leased";

// To its previous place: it was due before, and the jobs behind it still are.
pub(super) const REQUEUE: &str = freed!(
    "$1::bigint[], $2::bigint[]",
    "id, delivery",
    "due_at = pushed_at, attempts = greatest(attempts - 1, 0)",
    "$3",
    "$4"
);

pub(super) const RETRY: &str = freed!(
    "$1::bigint[], $2::bigint[], $3::bigint[], $4::text[]",
    "id, delivery, after, error",
    "due_at = clock_timestamp() + held.after * interval '1 millisecond', error = held.error",
    "$5",
    "$6"
);

pub(super) const DEAD_LETTER: &str = concat!(
    held!("$1::bigint[], $2::bigint[], $3::text[]", "id, delivery, error"),
    " UPDATE ebbtide_jobs AS job
        SET leased = false, due_at = NULL, dead_lettered_at = clock_timestamp(), error = held.error
    FROM held WHERE job.id = held.id RETURNING job.id, job.deliveries"
);

pub(super) const EXTEND: &str = concat!(
    held!("$1::bigint[], $2::bigint[]", "id, delivery"),
    " UPDATE ebbtide_jobs AS job SET due_at = clock_timestamp() + ",
    millis!("$3"),
    " FROM held WHERE job.id = held.id"
);

pub(super) const COUNTS: &str = concat!(
    "SELECT count(*) FILTER (WHERE due_at IS NOT NULL AND NOT ",
    is_leased!(),
    "), count(*) FILTER (WHERE ",
    is_leased!(),
    "), count(*) FILTER (WHERE due_at IS NULL) FROM ebbtide_jobs WHERE queue = $1"
);

pub(super) const WAITING: &str = list!(concat!("due_at IS NOT NULL AND NOT ", is_leased!()), "due_at");
pub(super) const LEASED: &str = list!(is_leased!(), "due_at");
pub(super) const DEAD_LETTERED: &str = list!("dead_lettered_at IS NOT NULL", "dead_lettered_at");

pub(super) const REQUEUE_DEAD_LETTER: &str = concat!(
    "WITH requeued AS (",
    requeue_dead_letter!(),
    " AND id = $2 RETURNING id) SELECT id, ",
    notify!("$1", "$3"),
    " FROM requeued"
);

pub(super) const REQUEUE_DEAD_LETTERS: &str = concat!(
    "WITH requeued AS (",
    requeue_dead_letter!(),
    " RETURNING id), counted AS (SELECT count(*) AS jobs FROM requeued)
    SELECT jobs, ",
    notify!("$1", "$2 AND jobs > 0"),
    " FROM counted"
);

pub(super) const DISCARD: &str =
    "DELETE FROM ebbtide_jobs WHERE queue = $1 AND dead_lettered_at IS NOT NULL AND id = $2";

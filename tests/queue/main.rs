//! The queue adapters, each against its real broker: one folder an adapter. Those whose jobs are rows of a table run all of `table`.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod blocked;
mod errors;
#[path = "../../crates/ebbtide/tests/queue/lines.rs"]
mod lines;
#[path = "../../crates/ebbtide/tests/http_server/seed.rs"]
mod seed;
mod server;
mod support;

/// The queue in NATS, against a real server with JetStream: that of `EBBTIDE_TEST_NATS`, or the local one, and our own ones to kill.
mod nats {
    mod operations;
    mod place;
    mod promises;
    mod stop;
}

/// PostgreSQL: a database of the test's own, on the server that `EBBTIDE_TEST_POSTGRES` names.
mod postgres {
    mod jobs;
    mod place;
    mod promises;
}

/// RabbitMQ: the server that `EBBTIDE_TEST_RABBITMQ` names, or the local one.
mod rabbitmq {
    mod broker;
    mod promises;
    mod settlements;
    mod stop;
}

/// The queue in Redis, against a real server: that of `EBBTIDE_TEST_REDIS`, or the local one, and our own ones to kill.
mod redis {
    mod operations;
    mod outage;
    mod place;
    mod prefetch;
    mod promises;
    mod stop;
}

/// SQLite: a file in a folder of the test's own. To SQLite, pools are processes: each has connections of its own.
mod sqlite {
    mod jobs;
    mod place;
    mod promises;
}

/// The queue in SQS, against what speaks its protocol: that of `EBBTIDE_TEST_SQS`, or the local one.
mod sqs {
    mod operations;
    mod place;
    mod promises;
    mod stop;
}

/// What holds for every adapter whose jobs are rows of a table. Each runs all of it.
mod table {
    mod jobs;
    mod rows;

    pub(crate) use jobs::*;
    pub(crate) use rows::{Place, Rows, all_tests, rows, tests};
}

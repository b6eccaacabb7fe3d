//! The queue adapters, each against its real broker. There is one folder for each adapter. Those that store jobs as rows of a
//! table also run all tests of `table`.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod blocked;
mod errors;
#[path = "../../crates/ebbtide/tests/queue/lines.rs"]
mod lines;
#[path = "../../crates/ebbtide/tests/http_server/seed.rs"]
mod seed;
mod server;
mod support;

/// The queue in NATS, against a real server with JetStream: the one that `EBBTIDE_TEST_NATS` names, or the local one, and
/// servers that the tests start and kill.
mod nats {
    mod operations;
    mod place;
    mod promises;
    mod stop;
}

/// PostgreSQL: a separate database for each test, on the server that `EBBTIDE_TEST_POSTGRES` names.
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

/// The queue in Redis, against a real server: the one that `EBBTIDE_TEST_REDIS` names, or the local one, and servers that
/// the tests start and kill.
mod redis {
    mod operations;
    mod outage;
    mod place;
    mod prefetch;
    mod promises;
    mod stop;
}

/// SQLite: a file in a separate folder for each test. Each pool has separate connections, as another process would.
mod sqlite {
    mod jobs;
    mod place;
    mod promises;
}

/// The queue in SQS, against a server that speaks its protocol: the one that `EBBTIDE_TEST_SQS` names, or the local one.
mod sqs {
    mod operations;
    mod place;
    mod promises;
    mod stop;
}

/// Tests for every adapter that stores jobs as rows of a table. Each adapter runs all of them.
mod table {
    mod jobs;
    mod rows;

    pub(crate) use jobs::*;
    pub(crate) use rows::{Place, Rows, all_tests, rows, tests};
}

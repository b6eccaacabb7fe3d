//! What a consumer does with its deliveries, in one process and under paused time. The invariants are those of `docs/spec.md`.
//! And the adapters, each against its real broker: one folder an adapter.
#![expect(clippy::expect_used, clippy::panic, reason = "a helper that fails fails its test")]

#[cfg(any(
    feature = "queue-nats",
    feature = "queue-postgres",
    feature = "queue-rabbitmq",
    feature = "queue-redis",
    feature = "queue-sqlite"
))]
mod blocked;
mod broker;
mod clock;
mod company;
#[cfg(feature = "testing")]
mod conformance;
#[cfg(all(
    feature = "cron",
    feature = "queue-nats",
    feature = "queue-postgres",
    feature = "queue-rabbitmq",
    feature = "queue-redis",
    feature = "queue-sqlite",
    feature = "queue-sqs",
    feature = "testing",
    feature = "tls"
))]
mod errors;
mod invariants;
#[cfg(any(feature = "queue-nats", feature = "queue-redis"))]
mod leases;
mod life;
#[cfg(feature = "queue-nats")]
mod nats;
mod panics;
mod policy;
#[cfg(any(feature = "queue-nats", feature = "queue-redis"))]
#[path = "../../../../e2e/src/ports.rs"]
#[expect(unreachable_pub, reason = "public where it is a module of a library")]
mod ports;
#[cfg(feature = "queue-postgres")]
mod postgres;
#[cfg(feature = "queue-rabbitmq")]
mod rabbitmq;
#[cfg(feature = "queue-redis")]
mod redis;
mod run;
mod said;
#[cfg(feature = "queue-rabbitmq")]
#[path = "../http_server/seed.rs"]
mod seed;
#[cfg(any(feature = "queue-nats", feature = "queue-redis"))]
mod server;
#[cfg(feature = "queue-sqlite")]
mod sqlite;
#[cfg(feature = "queue-sqs")]
mod sqs;
#[cfg(any(
    feature = "queue-nats",
    feature = "queue-postgres",
    feature = "queue-rabbitmq",
    feature = "queue-redis",
    feature = "queue-sqlite",
    feature = "queue-sqs"
))]
mod support;
#[cfg(any(feature = "queue-postgres", feature = "queue-sqlite"))]
mod table;
#[cfg(any(
    feature = "queue-nats",
    feature = "queue-postgres",
    feature = "queue-redis",
    feature = "queue-sqlite"
))]
mod times;

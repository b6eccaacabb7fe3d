//! The queue adapters, each against its real broker: one folder an adapter.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

mod blocked;
mod errors;
mod leases;
#[path = "../../../crates/ebbtide/tests/queue/lines.rs"]
mod lines;
mod nats;
mod postgres;
mod rabbitmq;
mod redis;
#[path = "../../../crates/ebbtide/tests/http_server/seed.rs"]
mod seed;
mod server;
mod sqlite;
mod sqs;
mod support;
mod table;
mod times;

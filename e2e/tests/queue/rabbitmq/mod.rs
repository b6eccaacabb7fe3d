//! RabbitMQ: the server that `EBBTIDE_TEST_RABBITMQ` names, or the local one.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod broker;
mod conformance;
mod connections;
mod deliveries;
mod kinds;
mod renewing;
mod settlements;
mod stops;
mod wire;

use broker::Broker;
use wire::Wire;

//! The parts that are of use without the rest: layers, the server alone, the WebSocket helper, gRPC.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test's helpers may fail")]

mod alone;
#[expect(dead_code, reason = "the HTTP server's tests use the rest")]
#[path = "../../http_server/clock.rs"]
mod clock;
mod in_flight;
mod sockets;
mod support;
mod told;

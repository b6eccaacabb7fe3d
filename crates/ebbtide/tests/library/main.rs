//! The library's tests that need neither a broker nor the HTTP server's clients, in one binary.
//!
//! Several tests may run in one process at once. A test that needs a process for itself starts one (`own_process`).

mod checks;
mod foreign_types;
mod lifecycle;
mod logs;
#[cfg(feature = "testing")]
mod many;
#[cfg(all(feature = "http", feature = "metrics", feature = "testing"))]
mod metrics;
#[cfg(feature = "testing")]
mod own_process;
#[cfg(all(feature = "http", feature = "axum", feature = "tungstenite"))]
mod parts {
    //! The parts that can be used without the rest: layers, the server alone, the WebSocket helper, gRPC.
    #![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test's helpers may fail")]

    mod alone;
    #[expect(dead_code, reason = "the HTTP server's tests use the rest")]
    #[path = "../../http_server/clock.rs"]
    mod clock;
    mod layers;
    mod sockets;
    mod support;
}
mod pool;
#[cfg(feature = "testing")]
mod refusals;
#[cfg(feature = "testing")]
mod runtimes;
#[cfg(feature = "testing")]
mod spans;
mod tasks;
#[cfg(feature = "testing")]
mod testing;
#[cfg(all(
    feature = "axum",
    feature = "http",
    feature = "queue",
    feature = "testing",
    feature = "tungstenite"
))]
mod times {
    //! Extreme durations: no setting of a time, however short or long, causes a panic or breaks the shutdown.
    #![expect(clippy::expect_used, clippy::unwrap_used, reason = "a panic in a helper fails its test")]

    mod components;
    mod settings;
}

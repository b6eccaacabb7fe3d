//! The tests of the library that need neither a broker nor the HTTP server's clients, in one program.
//!
//! Several of them may run in one process at once. A test that needs a process for itself starts one (`own_process`).

mod cancellation;
mod checks;
mod errors;
mod lifecycle;
mod logs;
#[cfg(feature = "testing")]
mod many;
#[cfg(all(feature = "http", feature = "metrics", feature = "testing"))]
mod metrics;
#[cfg(feature = "testing")]
mod own_process;
#[cfg(all(feature = "http", feature = "axum", feature = "tungstenite"))]
mod parts;
mod pool;
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
mod times;

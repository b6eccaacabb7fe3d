use std::io::{self, IsTerminal as _};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Layer as _, fmt};

use super::{LogFile, filter};

/// Sends what is logged to standard error, as much of it as `RUST_LOG` asks for (`info` by default), and to the file,
/// each order's steps included.
///
/// # Errors
///
/// When the process has a subscriber already.
pub(crate) fn install(file: &LogFile) -> Result<(), TryInitError> {
    let colour =
        io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let people = fmt::layer().compact().with_target(false).with_ansi(colour).with_writer(io::stderr);
    let kept = Targets::new().with_default(LevelFilter::INFO).with_target("ebbtide_demo", LevelFilter::DEBUG);
    let writer = file.clone();
    let lines = fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    tracing_subscriber::registry()
        .with(people.with_filter(filter::from_env()))
        .with(lines.with_filter(kept))
        .try_init()
}

//! Writes a log file on a separate thread, so that no request waits for the disk. The last line is written too.
//!
//! ```sh
//! cargo run -p ebbtide-tracing-appender --example log_file -- orders.log
//! ```

use std::error::Error;
use std::fs::OpenOptions;
use std::process::ExitCode;
use std::time::Duration;

use ebbtide::Lifecycle;
use ebbtide_tracing_appender::TracingAppenderExt as _;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let lifecycle = Lifecycle::new("orders");
    let path = std::env::args().nth(1).unwrap_or_else(|| "orders.log".to_owned());
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let (writer, log) = ebbtide_tracing_appender::non_blocking(file);
    tracing_subscriber::fmt().with_writer(writer).with_ansi(false).init();
    // Flushed last, also when the watchdog ends the process. Lines that cannot be written make the exit code 1, and
    // are reported on standard error.
    let code = lifecycle.tracing_appender("log", log).run(async |app| {
        app.every("work", Duration::from_millis(100), async || {
            tracing::info!("order checked");
            Ok(())
        });
        Ok(())
    });
    Ok(code)
}

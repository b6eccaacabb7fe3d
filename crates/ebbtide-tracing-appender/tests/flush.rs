//! The flush of a writer, as its users call it.

use std::time::Duration;

#[test]
fn a_flush_of_any_length_returns() {
    for limit in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let (writer, log) = ebbtide_tracing_appender::non_blocking(Vec::new());
        drop(writer);
        let flushed = log.flush(limit);
        assert!(flushed.is_ok() || limit != Duration::MAX, "{flushed:?}");
    }
}

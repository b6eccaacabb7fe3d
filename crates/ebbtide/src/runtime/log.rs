//! Warnings and errors, which go to standard error if no `tracing` subscriber is set.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Event, Metadata, Subscriber, dispatcher, span};

use super::os::exit::write_stderr;

/// Logs a warning as `tracing::warn!` does.
macro_rules! log_warn {
    ($($event:tt)*) => { $crate::runtime::log_or_print(|| ::tracing::warn!($($event)*)) };
}

/// Logs an error as `tracing::error!` does.
macro_rules! log_error {
    ($($event:tt)*) => { $crate::runtime::log_or_print(|| ::tracing::error!($($event)*)) };
}

pub(crate) use {log_error, log_warn};

/// Returns whether a subscriber is set on this thread.
pub(crate) fn has_subscriber() -> bool {
    !dispatcher::get_default(Dispatch::is::<NoSubscriber>)
}

/// Logs an event, to standard error if no subscriber is set.
pub fn log_or_print(log: impl FnOnce()) {
    if has_subscriber() {
        log();
    } else {
        // Set for this event alone: a permanent subscriber would be called for each event of the process.
        dispatcher::with_default(&Dispatch::new(StandardError), log);
    }
}

/// Writes each event as `ERROR ebbtide: message field=value …`.
struct StandardError;

impl Subscriber for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= LevelFilter::WARN
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = EventText::default();
        event.record(&mut line);
        write_stderr(&format!("{} ebbtide: {}{}\n", event.metadata().level(), line.message, line.fields));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct EventText {
    message: String,
    fields: String,
}

impl Visit for EventText {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

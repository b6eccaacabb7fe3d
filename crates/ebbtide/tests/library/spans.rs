//! The spans of a shutdown: their names, their parents, and that they end before the flushers begin.
#![expect(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ebbtide::testing::{self, Trial};
use ebbtide::{BoxError, Handle};
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::own_process;

/// Records each span as `parent > name field=value …` when it opens, when a value is recorded, and when it closes.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S> Layer<S> for Diary
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let parent = span.parent().map_or("-", |parent| parent.name());
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let fields: Vec<String> =
            fields.0.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.note(format!("open {parent} > {} {}", span.name(), fields.join(" ")).trim().to_owned());
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        self.note(format!("{} {:?}", context.span(id).unwrap().name(), fields.0));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.note(format!("close {}", context.span(&id).unwrap().name()));
    }
}

async fn start(app: Handle) -> Result<(), BoxError> {
    app.resource("db", (), |()| async { Ok(()) });
    app.task("stubborn", |_| std::future::pending());
    Ok(())
}

/// In a separate process: `tracing` caches for each span whether any subscriber is interested, and asks only the thread that
/// reaches the span first. Another test's thread has no subscriber.
#[test]
fn the_spans_of_a_shutdown_end_before_the_flushers_begin() {
    let name = "spans::the_spans_of_a_shutdown_end_before_the_flushers_begin";
    own_process::run(name, spans);
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn spans() {
    let diary = Diary::default();
    let _here = tracing::subscriber::set_default(tracing_subscriber::registry().with(diary.clone()));
    let flushes = diary.clone();
    let service = Trial::start(testing::lifecycle("orders"), |app: Handle| async move {
        app.on_flush("traces", move || flushes.note("flush".to_owned()));
        start(app).await
    });
    service.ready().await;
    assert_eq!(diary.read(), [""; 0], "no shutdown yet");
    assert_eq!(service.stop().await.exit_code, 3);
    let expected = [
        "open - > stop cause=SIGTERM deadline_ms=8333 lifecycle=orders",
        "open stop > workers",
        "open workers > component component=stubborn stage=workers",
        "component {\"outcome\": \"cancelled\"}",
        "close component",
        "close workers",
        "open stop > resources",
        "open resources > component component=db stage=resources",
        "component {\"outcome\": \"drained\"}",
        "close component",
        "close resources",
        "close stop",
        "flush",
    ];
    assert_eq!(diary.read(), expected);
}

//! Each request has exactly one outcome, and the counts add up at all times (`docs/spec.md`, W1).

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::get;
use ebbtide::drain::WorkCounts;
use ebbtide::{LameDuck, Lifecycle};
use futures_util::StreamExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::bodies::feed;
use crate::frames::{Frames, RST_STREAM};
use crate::support::{Client, Served, ping, serve, until};

const EVENTS: [(&str, &str); 1] = [("content-type", "text/event-stream")];

/// Routes: `/panics` in the handler, `/panics-late` in its body, `/fails` in its body, `/never`, `/events`, and `/ping`.
fn all_kinds() -> Router {
    let failing = |panics: bool| {
        let frames = futures_util::stream::iter([0, 1]).map(move |step| match step {
            0 => Ok(bytes::Bytes::from_static(b"half")),
            _ if panics => panic!("the body falls over"),
            _ => Err(std::io::Error::other("the body fails")),
        });
        Body::from_stream(frames)
    };
    let panics = async || -> &'static str { panic!("the handler falls over") };
    let events = async || {
        let events = futures_util::stream::repeat(()).then(async |()| {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok::<_, std::convert::Infallible>("data: tick\n\n")
        });
        (EVENTS, Body::from_stream(events)).into_response()
    };
    ping()
        .route("/panics", get(panics))
        .route("/panics-late", get(async move || failing(true)))
        .route("/fails", get(async move || failing(false)))
        .route("/never", get(std::future::pending::<()>))
        .route("/events", get(events))
}

async fn asked(served: &Served, path: &str) -> Client {
    let mut client = Client::connect(served.addr).await.unwrap();
    client.get(path).await.unwrap();
    client
}

fn fates(counts: &WorkCounts) -> (u64, u64, u64, u64) {
    assert_eq!(counts.unaccounted(), 0, "{counts:?}");
    (counts.finished, counts.failed, counts.abandoned, counts.cancelled)
}

/// Records the fields of every event.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<BTreeMap<&'static str, String>>>>);

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        self.0.lock().unwrap().push(fields);
    }
}

#[tokio::test]
async fn a_handler_that_panics_is_counted_as_failed_and_logged_with_its_request() {
    let log = Log::default();
    let _here = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
    let mut served = serve(all_kinds(), |server| server).await;
    // Another test may have registered the callsite first, on a thread without a subscriber.
    asked(&served, "/panics").await.rest().await;
    until(|| served.work.in_flight() == 0).await;
    tracing::callsite::rebuild_interest_cache();
    log.0.lock().unwrap().clear();
    for (path, message) in
        [("/panics?secret", "the handler falls over"), ("/panics-late", "the body falls over")]
    {
        let mut client = asked(&served, path).await;
        let peer = client.stream.local_addr().unwrap().to_string();
        client.rest().await;
        until(|| served.work.in_flight() == 0).await;
        let told = |event: &BTreeMap<&str, String>| event["message"] == "request handler panicked";
        let told = log.0.lock().unwrap().drain(..).find(told).expect("an event");
        assert_eq!(told["panic"], message);
        let path = path.split('?').next().unwrap();
        assert_eq!((told["method"].as_str(), told["path"].as_str()), ("GET", path), "{told:?}");
        assert_eq!(told["peer"], peer);
    }
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.get(1, "/panics").await;
    assert_eq!(frames.body(1).await, None);
    drop(frames);
    served.stop();
    served.ended().await;
    assert_eq!(fates(&served.work.counts()), (0, 4, 0, 0));
}

#[tokio::test]
async fn a_request_whose_client_disconnects_counts_as_abandoned() {
    let mut served = serve(all_kinds(), |server| server).await;
    let mut reading = asked(&served, "/events").await;
    reading.read_until(b"tick").await.unwrap();
    let waiting = asked(&served, "/never").await;
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.get(1, "/never").await;
    frames.get(3, "/never").await;
    until(|| served.work.in_flight() == 4).await;
    drop((waiting, reading));
    frames.send(RST_STREAM, 0, 1, &8_u32.to_be_bytes()).await;
    until(|| served.work.in_flight() == 1).await;
    assert_eq!(fates(&served.work.counts()), (0, 0, 3, 0));
    drop(frames);
    served.stop();
    served.ended().await;
    assert_eq!(fates(&served.work.counts()), (0, 0, 4, 0));
}

#[tokio::test]
async fn a_response_that_fails_and_one_that_takes_too_long_have_failed() {
    let mut served = serve(all_kinds(), |server| server.request_timeout(Duration::from_millis(50))).await;
    let mut late = asked(&served, "/never").await;
    assert!(late.response().await.expect("a response").status == 503);
    for path in ["/fails", "/events"] {
        asked(&served, path).await.rest().await;
    }
    until(|| served.work.in_flight() == 0).await;
    assert_eq!(fates(&served.work.counts()), (0, 3, 0, 0));
    drop(late);
    served.stop();
    served.ended().await;
}

const KINDS: u64 = 8;
const EACH: u64 = 20;

async fn client(addr: SocketAddr, kind: u64) {
    let paths = ["/ping", "/panics", "/panics-late", "/fails", "/never", "/events", "/never", "/ping"];
    let Ok(mut client) = Client::connect(addr).await else { return };
    let _ = if kind == 7 { client.send(b"GET /pi").await } else { client.get(paths[kind as usize]).await };
    if kind == 6 {
        return; // it disconnects
    }
    let mut read = [0; 4096];
    while client.stream.read(&mut read).await.is_ok_and(|read| read > 0) {}
}

/// All kinds of requests at once: before the shutdown, during it and at its deadline.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_request_counts_add_up_at_all_times() {
    let mut served = serve(all_kinds(), |server| server.stall_timeout(Duration::from_millis(300))).await;
    let mut clients = JoinSet::new();
    for n in 0..EACH * KINDS {
        clients.spawn(client(served.addr, n % KINDS));
    }
    let watch = Arc::clone(&served.work);
    let mut watching = JoinSet::new();
    watching.spawn(async move {
        loop {
            let counts = watch.counts();
            assert_eq!(counts.unaccounted(), 0, "{counts:?}");
            tokio::task::yield_now().await;
        }
    });
    // The requests that never end, read events, or have sent half a head.
    until(|| served.work.in_flight() >= 3 * EACH).await;
    let at_stop = served.work.counts();
    served.stop();
    for n in 0..EACH * KINDS {
        clients.spawn(client(served.addr, n % KINDS));
    }
    until(|| served.work.counts().abandoned >= at_stop.abandoned + EACH).await;
    served.cancelled();
    served.ended().await;
    clients.join_all().await;
    watching.abort_all();
    let watched = watching.join_next().await.expect("the watching task ends");
    assert!(watched.expect_err("the watching task never ends by itself").is_cancelled());
    let end = served.work.counts();
    assert_eq!((end.in_flight, end.unaccounted()), (0, 0));
    let since = end.since(&at_stop);
    assert_eq!(at_stop.in_flight + since.begun, since.ended(), "{since:?}");
    assert!(since.cancelled >= EACH && since.abandoned >= EACH && since.ended_early >= EACH, "{since:?}");
    assert!(end.failed > 0 && end.finished > 0, "{end:?}");
}

/// A stalled client and a stream that ends by its policy do not lead to exit code 3. The report names the stalled client.
#[test]
fn the_report_adds_up_and_names_the_peer_that_stalled() {
    let mut client = None;
    let report = Lifecycle::new("test")
        .lame_duck(LameDuck::NONE)
        .run_to_report(async |app| {
            let listener = app.bind("127.0.0.1:0").await?;
            let addr = listener.local_addr().tcp().unwrap();
            let (_feed, _) = feed();
            app.http("api", listener, all_kinds());
            let stopping = app.clone();
            client = Some(std::thread::Builder::new().spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async move {
                    let mut half = Client::connect(addr).await.unwrap();
                    half.send(b"GET / HTTP/1.1\r\nHost").await.unwrap();
                    let mut events = Client::connect(addr).await.unwrap();
                    events.get("/events").await.unwrap();
                    events.read_until(b"tick").await.unwrap();
                    stopping.stop("test");
                    assert!(events.rest().await.is_eof());
                    half.rest().await;
                });
            })?);
            Ok(())
        })
        .expect("the lifecycle starts");
    client.unwrap().join().expect("the client's assertions hold");
    assert_eq!(report.exit_code, 0, "{report:?}");
    let api = report.component("api").expect("a component");
    assert_eq!(
        (api.in_flight_at_stop, api.abandoned, api.ended_early, api.cancelled),
        (2, 1, 1, 0),
        "{api:?}"
    );
    assert_eq!((api.unaccounted(), api.in_flight), (0, 0), "{api:?}");
    assert!(api.stragglers[0].name.ends_with("(peer stalled)"), "{api:?}");
}

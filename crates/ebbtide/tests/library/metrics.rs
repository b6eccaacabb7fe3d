//! The metrics that a lifecycle records through the `metrics` facade.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use ebbtide::http::HealthPages;
use ebbtide::testing::{self, Trial};
use ebbtide::{BoxError, Handle, Phase};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use crate::own_process;

/// Returns each metric with its labels, as in Prometheus's text format, and its value.
fn recorded(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let read = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
        let (_, key) = key.into_parts();
        let mut labels: Vec<String> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        labels.sort_unstable();
        let value = match value {
            #[expect(clippy::cast_precision_loss, reason = "the counts of a test are small")]
            DebugValue::Counter(value) => value as f64,
            DebugValue::Gauge(value) => value.into_inner(),
            DebugValue::Histogram(_) => f64::NAN,
        };
        (format!("{}{{{}}}", key.name(), labels.join(",")), value)
    });
    read.collect()
}

/// Registers a pool whose two workers take 900 ms for each job, and one job that never ends.
async fn start(app: Handle) -> Result<(), BoxError> {
    let pool = app.workers(
        "pool",
        ebbtide::lifecycle::PoolOptions::new(2).capacity(10),
        |endless: bool, _| async move {
            if endless {
                std::future::pending().await
            }
            tokio::time::sleep(Duration::from_millis(900)).await;
            Ok(())
        },
    );
    for endless in [true, false, false, false] {
        pool.send(endless).await?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn phases_work_and_time_left_are_recorded_as_they_change() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recorded_here = metrics::set_default_local_recorder(&recorder);
    let service = Trial::start(testing::lifecycle("orders").grace(Duration::from_secs(30)), start);
    service.ready().await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let ready = recorded(&snapshotter);
    let of_pool = |name: &str| format!("ebbtide_{name}{{component=pool,lifecycle=orders,stage=workers}}");
    let of_phase = |name: &str| format!("ebbtide_phase{{lifecycle=orders,phase={name}}}");
    assert_eq!(ready[&of_phase("ready")], 1.0);
    assert_eq!(
        ready.iter().filter(|(name, value)| name.starts_with("ebbtide_phase{") && **value == 1.0).count(),
        1
    );
    // One worker is blocked for ever, the other has finished two jobs: the sample is at most a second old.
    assert_eq!((ready[&of_pool("finished_total")], ready[&of_pool("in_flight")]), (2.0, 2.0));
    assert!(!ready.contains_key("ebbtide_time_left_seconds{lifecycle=orders}"), "no shutdown yet");

    service.terminate();
    service.reached(Phase::Draining).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let draining = recorded(&snapshotter);
    assert_eq!((draining[&of_phase("draining")], draining[&of_phase("ready")]), (1.0, 0.0));
    assert_eq!(draining[&of_pool("in_flight")], 1.0, "the one that never ends");
    let left = draining["ebbtide_time_left_seconds{lifecycle=orders}"];
    let taken = draining["ebbtide_stop_seconds{lifecycle=orders}"];
    assert!((left + taken - 25.0).abs() < 0.001, "{left} left of 25, {taken} gone");
    assert!((4.9..=5.0).contains(&taken), "{taken}");

    let report = service.exited().await;
    let exited = recorded(&snapshotter);
    assert_eq!(exited[&of_phase("exited")], 1.0);
    assert_eq!((exited[&of_pool("cancelled_total")], exited[&of_pool("in_flight")]), (1.0, 0.0));
    assert_eq!(exited["ebbtide_stop_seconds{lifecycle=orders}"], report.stop.as_secs_f64());
}

/// Metrics that are recorded after the flushers have begun may not be exported: the last values are recorded before.
#[tokio::test(start_paused = true)]
async fn the_last_values_are_recorded_before_the_flushers_run() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recorded_here = metrics::set_default_local_recorder(&recorder);
    let (hand, over) = std::sync::mpsc::channel();
    let service = Trial::start(testing::lifecycle("orders"), move |app: Handle| async move {
        app.on_flush("metrics", move || drop(hand.send(recorded(&snapshotter))));
        start(app).await
    });
    service.ready().await;
    let report = service.stop().await;
    let seen = over.recv().expect("the flusher ran");
    assert_eq!(seen["ebbtide_phase{lifecycle=orders,phase=flushing}"], 1.0);
    let pool = report.component("pool").expect("the component is registered");
    assert_eq!(pool.cancelled, 1, "{report:?}");
    assert_eq!(seen["ebbtide_cancelled_total{component=pool,lifecycle=orders,stage=workers}"], 1.0);
    assert_eq!(seen["ebbtide_finished_total{component=pool,lifecycle=orders,stage=workers}"], 3.0);
}

/// A component that requeues two jobs and leaves a third one unsettled.
struct Consumer;

impl ebbtide::drain::Work for Consumer {
    fn in_flight(&self) -> u64 {
        0
    }

    fn finished(&self) -> u64 {
        5
    }

    fn cancelled(&self) -> u64 {
        0
    }

    fn stragglers(&self) -> Vec<ebbtide::model::Straggler> {
        Vec::new()
    }

    fn requeued_ids(&self) -> Vec<String> {
        vec!["job 6".to_owned(), "job 7".to_owned()]
    }

    fn redelivered(&self) -> u64 {
        4
    }

    fn unsettled(&self) -> Vec<String> {
        vec!["job 8".to_owned()]
    }
}

#[tokio::test(start_paused = true)]
async fn requeued_jobs_are_counted_by_component() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recorded_here = metrics::set_default_local_recorder(&recorder);
    let service = Trial::start(testing::lifecycle("orders"), async |app| {
        app.serve("emails", std::sync::Arc::new(Consumer), |context| async move {
            context.stop.stopping().await;
            Ok(())
        });
        Ok(())
    });
    service.ready().await;
    service.stop().await;
    let recorded = recorded(&snapshotter);
    let of = |name: &str| {
        recorded[&format!("ebbtide_{name}_total{{component=emails,lifecycle=orders,stage=servers}}")]
    };
    assert_eq!((of("finished"), of("requeued"), of("unsettled"), of("cancelled")), (5.0, 2.0, 1.0, 0.0));
    assert_eq!(of("redelivered"), 4.0);
}

#[tokio::test(start_paused = true)]
async fn components_of_one_name_share_a_series_and_those_without_work_have_none() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recorded_here = metrics::set_default_local_recorder(&recorder);
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().join(format!("orders-{}.sock", std::process::id()));
    let service = Trial::start(testing::lifecycle("orders"), async move |app| {
        app.temporary(temporary)?;
        app.resource("db", (), |()| async { Ok(()) });
        start(app.clone()).await?;
        start(app).await
    });
    service.ready().await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let recorded = recorded(&snapshotter);
    let of_pool =
        |name: &str| recorded[&format!("ebbtide_{name}{{component=pool,lifecycle=orders,stage=workers}}")];
    // One of each, as in the test of the phases.
    assert_eq!((of_pool("finished_total"), of_pool("in_flight")), (4.0, 4.0));
    let others: Vec<_> = recorded
        .keys()
        .filter(|key| key.contains("component=") && !key.contains("component=pool,"))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

/// The dispatcher is blocked with the runtime's only worker when the shutdown begins: the watchdog records the metrics.
#[test]
fn the_last_values_are_recorded_for_the_flushers_of_the_forced_path() {
    if own_process::is_child() {
        forced();
    }
    let name = "metrics::the_last_values_are_recorded_for_the_flushers_of_the_forced_path";
    let mut child = own_process::command(name);
    child.env("EBBTIDE_GRACE", "2s").env("EBBTIDE_LAME_DUCK", "0s");
    let ended = child.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(4), "{said}");
    let taken =
        said.lines().find_map(|line| line.strip_prefix("ebbtide_stop_seconds{lifecycle=\"forced\"} "));
    // Until the flushers are overdue: the dispatcher's last values are from the stop signal.
    assert!(taken.is_some_and(|taken| taken.starts_with("1.")), "{said}");
}

/// Runs a service that the watchdog ends, and prints the recorded metrics on standard error.
#[expect(clippy::print_stderr, clippy::expect_used, reason = "the test that started this process reads it")]
fn forced() -> ! {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).expect("no recorder is installed yet");
    ebbtide::Lifecycle::new("forced").worker_threads(1).run(async |app| {
        app.on_flush("metrics", move || eprintln!("{}", handle.render()));
        app.on_stop("blocker", async |_| -> () {
            loop {
                std::thread::park();
            }
        });
        app.stop("seen enough");
        Ok(())
    });
    unreachable!("the watchdog ends the process");
}

/// Scrapes a Prometheus exporter on the health listener during a shutdown, as Prometheus does.
#[test]
fn a_prometheus_scrape_sees_the_shutdown() {
    own_process::run("metrics::a_prometheus_scrape_sees_the_shutdown", scraped);
}

#[expect(clippy::unwrap_used, reason = "a panic in a helper fails its test")]
fn scraped() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).unwrap();
    let report = ebbtide::Lifecycle::new("scraped")
        .grace(Duration::from_secs(30))
        .run_to_report(async |app| {
            let listener = app.bind("127.0.0.1:0").await?;
            let addr = listener.local_addr().tcp().unwrap();
            app.health_with("health", listener, HealthPages::new().metrics(move || handle.render()));
            app.every("reaper", Duration::from_secs(3600), || async { Ok(()) });
            let seen = app.clone();
            app.on_stop("scrapes", move |_| async move {
                let scraped = tokio::task::spawn_blocking(move || scrape(addr)).await??;
                let phase = seen.phase();
                for line in [
                    "# TYPE ebbtide_phase gauge".to_owned(),
                    format!("ebbtide_phase{{lifecycle=\"scraped\",phase=\"{phase}\"}} 1"),
                    "ebbtide_phase{lifecycle=\"scraped\",phase=\"ready\"} 0".to_owned(),
                    "ebbtide_time_left_seconds{lifecycle=\"scraped\"} 2".to_owned(),
                    "ebbtide_in_flight{lifecycle=\"scraped\",component=\"reaper\",stage=\"intake\"} 0"
                        .to_owned(),
                ] {
                    assert!(scraped.contains(&line), "{line} is not in\n{scraped}");
                }
                Ok(())
            });
            app.stop("seen enough");
            Ok(())
        })
        .unwrap();
    assert_eq!(report.exit_code, 0, "{report:?}");
}

fn scrape(addr: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(addr)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")?;
    Ok(ebbtide_http1::Response::read(&mut stream)?.text().into_owned())
}

/// The table in `docs/metrics.md` and the recorded metrics have the same names.
#[tokio::test(start_paused = true)]
async fn the_metrics_table_lists_exactly_the_recorded_metrics() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recorded_here = metrics::set_default_local_recorder(&recorder);
    let service = Trial::start(testing::lifecycle("orders"), start);
    service.ready().await;
    service.stop().await;
    let mut names: Vec<String> = recorded(&snapshotter)
        .into_keys()
        .filter_map(|key| Some(key.split_once('{')?.0.to_owned()))
        .collect();
    names.dedup();
    let table = include_str!("../../../../docs/metrics.md");
    let mut listed: Vec<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `ebbtide_")?.split('`').next()).collect();
    listed.sort_unstable();
    let recorded: Vec<&str> = names.iter().filter_map(|name| name.strip_prefix("ebbtide_")).collect();
    assert_eq!(recorded, listed);
}

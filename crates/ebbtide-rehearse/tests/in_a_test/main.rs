//! `Rehearsal` as a test of a service uses it: a service that stops without loss passes the assertion, and one that loses requests
//! fails it with the verdict as text.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside test functions")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ebbtide_rehearse::{NotRehearsed, PreStop, Rehearsal, RehearsalVerdict, Shape, ShapePlan, Span, Verdict};

/// Returns a rehearsal of a service of the command's tests, with a small load.
fn rehearsal(service: &str) -> Rehearsal {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found, "`python3` is missing: run `cargo xtask test`, which installs the tools of the tests");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ebbtide-cli/tests/services").join(service);
    let slow_time = Span { least: Duration::from_millis(500), most: Duration::from_millis(900) };
    Rehearsal::new(["sh", "-c", r#"exec python3 "$SERVICE" "$PORT""#])
        .env("SERVICE", file)
        .env("PORT", "{port}")
        .ready("http://127.0.0.1:{port}/readyz")
        .unwrap()
        .route(Shape::Storm, "/")
        .unwrap()
        .route(Shape::Slow, "http://127.0.0.1:{port}/slow/{ms}")
        .unwrap()
        .with(|scenario| {
            for plan in &mut scenario.load.shapes {
                match plan {
                    ShapePlan::Storm { clients, .. } => *clients = 2,
                    ShapePlan::Keepalive { clients, .. } => *clients = 4,
                    ShapePlan::Slow { clients, time, .. } => (*clients, *time) = (2, slow_time),
                    _ => {}
                }
            }
            scenario.stop.grace = Duration::from_secs(6);
        })
}

/// Returns the message with which the assertion fails, if it does.
fn failure(verdict: &RehearsalVerdict) -> Option<String> {
    let failed = catch_unwind(AssertUnwindSafe(|| verdict.assert_nothing_lost())).err()?;
    Some(failed.downcast_ref::<String>().unwrap().clone())
}

#[tokio::test]
async fn a_service_that_loses_nothing_passes() {
    let verdict = rehearsal("careful.py").run().await.unwrap();
    assert_eq!(failure(&verdict), None);
    assert!(verdict.in_flight_at_signal[&Shape::Slow] > 0, "{verdict}");
}

#[tokio::test]
async fn a_hook_runs_before_the_signal_and_gets_the_port() {
    let hook = ["sh", "-c", "echo no luck at {port}; exit 3"].map(Into::into).to_vec();
    let verdict = rehearsal("careful.py").pre_stop(PreStop::Command(hook)).run().await.unwrap();
    verdict.assert_nothing_lost();
    let notes = verdict.runs[0].verdict.notes.join("\n");
    assert!(notes.contains("its last output: no luck at ") && !notes.contains("{port}"), "{notes}");
}

#[tokio::test]
async fn a_service_that_loses_requests_fails_with_the_verdict_as_text() {
    let verdict = rehearsal("naive.py").run().await.unwrap();
    let text = failure(&verdict).unwrap();
    assert!(text.starts_with("FAIL: requests-answered"), "{text}");
    for words in [
        "accepted requests lost or answered wrongly)\n",
        "\n  requests-answered: ",
        "connection closed while the request was being processed",
        "\n  last output of the service:\n    serving as ",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("exit-code"), "a check that passed: {text}");
}

#[tokio::test]
async fn a_rehearsal_that_proves_nothing_fails_the_assertion() {
    let quiet = |rehearsal: Rehearsal| {
        rehearsal.with(|scenario| {
            scenario.load.shapes.retain(|plan| plan.shape() == Shape::Open);
            for plan in &mut scenario.load.shapes {
                if let ShapePlan::Open { rate, .. } = plan {
                    *rate = 1;
                }
            }
            // Between two requests, of which one is due each second.
            (scenario.stop.warmup, scenario.stop.window) =
                (Duration::from_millis(1200), Duration::from_millis(500));
            (scenario.load.phases, scenario.load.fitted) = (false, ebbtide_rehearse::Fitted::default());
        })
    };
    let verdict = quiet(rehearsal("naive.py")).run().await.unwrap();
    assert_eq!(verdict.verdict, Verdict::Inconclusive, "{verdict}");
    let text = failure(&verdict).unwrap();
    assert!(text.starts_with("INCONCLUSIVE: ") && text.contains("\n    hint: "), "{text}");
}

#[tokio::test]
async fn a_service_that_cannot_be_rehearsed_is_an_error_and_no_verdict() {
    let missing = Rehearsal::new(["/no/such/service", "{port}"]).run().await;
    assert!(matches!(missing, Err(NotRehearsed::Start(_))), "{missing:?}");
    assert!(Rehearsal::new(["true"]).ready("localhost:80").is_err());
    assert!(Rehearsal::new(["true"]).route(Shape::Storm, "ping").is_err());
    assert!(Rehearsal::new(["true"]).route(Shape::Phases, "/ping").is_err());
}

#[tokio::test]
async fn a_child_process_of_the_test_is_none_of_the_service() {
    let mut child = Command::new("sleep").arg("600").spawn().unwrap();
    let verdict = rehearsal("careful.py").run().await.unwrap();
    let runs_on = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(runs_on, "it was ended with the service");
    verdict.assert_nothing_lost();
}

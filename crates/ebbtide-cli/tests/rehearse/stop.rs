//! How a service is stopped: what precedes the signal, what follows it, and in which state of the service it comes.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::common::check;
use crate::scene::{Row, Says, Seen, holds};

/// Returns the verdict of check `id`.
#[track_caller]
fn found(seen: &Seen, id: &str) -> String {
    check(seen.verdict.as_ref().unwrap(), id).0
}

/// Returns the notes of the first run, in lines.
fn notes(seen: &Seen) -> String {
    let notes = &seen.verdict.as_ref().unwrap()["runs"][0]["notes"];
    notes.as_array().unwrap().iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn number(seen: &Seen, field: &str) -> u64 {
    seen.verdict.as_ref().unwrap()[field].as_u64().unwrap()
}

#[test]
fn a_handler_that_ends_the_process_by_the_signal_at_once_does_not_handle_it() {
    holds(
        &Row::guilty("raises-at-once", &[("signal-handled", "ended the process by the signal at once")])
            .torn(),
    );
    holds(&Row::guilty("exits-143-at-once", &[("signal-handled", "exit code 143: SIGTERM ended")]).torn());
}

/// Returns the seconds from the signal to SIGKILL.
#[track_caller]
fn killed_after(seen: &Seen) -> f64 {
    let evidence = seen.evidence("no-kill");
    let seconds = evidence.strip_prefix("SIGKILL was sent ").and_then(|rest| rest.split_once(" s after"));
    seconds.and_then(|(seconds, _)| seconds.parse().ok()).unwrap_or_else(|| panic!("{evidence}"))
}

/// Returns how many new connections the clients opened more than `micros` after the beginning of the stop.
#[track_caller]
fn opened_after(record: &str, micros: u64) -> usize {
    let events: Vec<Value> = record.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let process = events.iter().find(|event| event["event"] == "process").unwrap();
    let began = process["pre_stop"]["began"].as_u64().unwrap();
    let requests = events.iter().filter(|event| event["event"] == "request" && event["fresh"] == true);
    requests.filter(|event| event["opened"].as_u64().unwrap() > began + micros).count()
}

#[test]
fn the_time_of_a_hook_is_part_of_the_grace_period() {
    let seen =
        holds(&Row::guilty("stuck", &[("no-kill", "SIGKILL")]).with(&["--grace=4s", "--pre-stop=1s"]).torn());
    let after = killed_after(&seen);
    assert!(after < 3.9, "SIGKILL {after} s after the signal");
    // Elsewhere than on Kubernetes it precedes the period.
    let docker: &[&str] = &["--grace=4s", "--pre-stop=1s", "--platform=docker"];
    let seen = holds(
        &Row::guilty("stuck", &[("exit-in-time", "4 s, after preStop, which took 1")]).with(docker).torn(),
    );
    let after = killed_after(&seen);
    assert!(after >= 4.0, "SIGKILL {after} s after the signal");
    // Without a hook the whole period is left.
    let seen = holds(&Row::guilty("stuck", &[("no-kill", "SIGKILL")]).with(&["--grace=4s"]).torn());
    assert!(killed_after(&seen) >= 4.0, "{}", seen.evidence("no-kill"));
}

#[test]
fn a_hook_that_outlasts_the_grace_period_leaves_two_seconds() {
    let hook = &["--grace=1s", "--pre-stop=sleep 61.2"];
    let seen = holds(&Row::guilty("stuck", &[("no-kill", "SIGKILL")]).with(hook).torn());
    let after = killed_after(&seen);
    assert!(after >= 1.99, "SIGKILL {after} s after the signal");
    assert!(
        notes(&seen).contains("preStop was still running at the end of the grace period"),
        "{}",
        notes(&seen)
    );
}

#[test]
fn a_hook_that_fails_is_noted_and_is_no_loss() {
    let seen = holds(&Row::innocent("perfect", &["--pre-stop=sh -c 'echo no luck; exit 3'"]));
    let failed = notes(&seen);
    assert!(
        failed.contains("preStop failed") && failed.contains("exit code 3; its last output: no luck"),
        "{failed}"
    );
    let seen = holds(&Row::innocent("perfect", &["--pre-stop=/no/such/hook now"]));
    assert!(notes(&seen).contains("cannot execute `/no/such/hook`"), "{}", notes(&seen));
    let seen = holds(&Row::innocent("perfect", &["--pre-stop=true"]));
    assert!(!notes(&seen).contains("preStop"), "{}", notes(&seen));
}

#[test]
fn what_a_hook_loses_by_stopping_the_service_is_lost_by_the_stop() {
    const HOOK: &[&str] = &["--pre-stop=sh -c 'kill -TERM $EBBTIDE_SERVICE_PID; exec sleep 61.3'"];
    let seen = holds(&Row::innocent("perfect", HOOK));
    assert_eq!(found(&seen, "signal-handled"), "skipped");
    assert!(notes(&seen).contains("no signal was sent"), "{}", notes(&seen));
    holds(
        &Row::guilty("exits-at-once", &[("requests-answered", "after the beginning of preStop")]).with(HOOK),
    );
}

#[test]
fn a_connection_that_is_refused_while_traffic_is_routed_is_lost() {
    let early = ("lame-duck-served", "refused within 2 s of the signal");
    let seen = holds(&Row::guilty("closes-first", &[early]).with(&["--min-lame-duck=2s"]));
    let refused = seen.verdict.as_ref().unwrap()["requests"]["refused_early"].as_u64().unwrap();
    assert!(refused > 0 && number(&seen, "lost_by_shutdown") >= refused, "{refused}");
    // The load goes on after the exit, which came much earlier.
    assert!(
        seen.evidence("lame-duck-served").contains("the process ended at +"),
        "{}",
        seen.evidence("lame-duck-served")
    );
    // The lame duck of this service is longer.
    let seen = holds(&Row::innocent("perfect", &["--min-lame-duck=250ms"]));
    assert_eq!(found(&seen, "lame-duck-served"), "pass");
}

#[test]
fn a_hook_gives_traffic_the_time_to_move_away() {
    let seen = holds(&Row::innocent("closes-first", &["--pre-stop=2500ms", "--min-lame-duck=2s"]));
    assert!(
        seen.evidence("lame-duck-served").contains("within 2 s of the beginning of preStop"),
        "{}",
        seen.evidence("lame-duck-served")
    );
    // No client connects from then on: a server that resets its accept queue at the signal loses nothing.
    let late = opened_after(&seen.record, 2_500_000);
    assert_eq!((late, opened_after(&seen.record, 0) > 0), (0, true));
    holds(&Row::innocent("closes-at-once", &["--pre-stop=2s", "--min-lame-duck=1s"]));
    // A hook that is too short does not.
    let early = ("lame-duck-served", "refused within 5 s of the beginning of preStop");
    holds(&Row::guilty("closes-first", &[early]).with(&["--pre-stop=500ms", "--min-lame-duck=5s"]));
}

#[test]
fn what_a_second_signal_loses_is_reported_apart() {
    const THEN: &[&str] = &["--then-signal=TERM@200ms"];
    let lost = ("second-signal", "lost after the second signal");
    let seen = holds(&Row::guilty("ends-at-the-second", &[lost]).with(THEN).torn());
    assert_ne!(found(&seen, "requests-answered"), "fail", "{}", seen.evidence("requests-answered"));
    assert_eq!(found(&seen, "exit-code"), "pass", "{}", seen.evidence("exit-code"));
    let run = &seen.verdict.as_ref().unwrap()["runs"][0];
    assert_eq!(run["lost_after_second_signal"], run["lost_by_shutdown"], "{run:#}");
    // Without it, the service loses nothing, and one that ignores it loses nothing either.
    holds(&Row::innocent("ends-at-the-second", &[]));
    let seen = holds(&Row::innocent("perfect", THEN));
    assert!(
        seen.evidence("second-signal").contains("nothing was lost after it"),
        "{}",
        seen.evidence("second-signal")
    );
}

#[test]
fn a_second_signal_that_comes_too_late_proves_nothing() {
    let seen = holds(&Row::innocent("perfect", &["--then-signal=TERM@5s"]));
    assert_eq!(found(&seen, "second-signal"), "inconclusive");
}

#[test]
fn an_idle_service_is_stopped_without_load() {
    let seen = holds(&Row::innocent("exits-at-once", &["--signal-at=idle"]));
    assert_eq!(seen.verdict.as_ref().unwrap()["requests"]["sent"], 0);
    assert_eq!(found(&seen, "requests-answered"), "skipped");
    holds(&Row::guilty("ignores", &[("no-kill", "SIGKILL")]).with(&["--signal-at=idle", "--grace=1s"]));
}

#[test]
fn a_service_may_be_stopped_before_it_is_ready() {
    const STARTUP: &[&str] = &["--signal-at=startup", "--window=12s", "--grace=1s"];
    // No handler is installed yet.
    let seen = holds(&Row::innocent("starts-slowly", STARTUP));
    assert_eq!(seen.evidence("exit-code"), "ended by SIGTERM, during start-up");
    assert_eq!(seen.verdict.as_ref().unwrap()["runs"][0]["stop_at"], "startup");
    holds(&Row::guilty("ignores-at-start", &[("no-kill", "SIGKILL")]).with(STARTUP));
    holds(&Row::guilty("fails-at-start", &[("exit-code", "exit code 7")]).with(STARTUP));
}

#[test]
fn the_state_of_a_random_stop_is_drawn_for_each_run() {
    let seen = holds(&Row::innocent("perfect", &["--signal-at=random", "--repeat=5"]).torn());
    let runs = seen.verdict.as_ref().unwrap()["runs"].as_array().unwrap();
    let states: BTreeSet<&str> = runs.iter().filter_map(|run| run["stop_at"].as_str()).collect();
    assert!(states.len() > 1 && !states.contains("random"), "{states:?}");
}

#[test]
fn kubernetes_routes_to_a_service_that_stops_and_ecs_does_not() {
    let early = ("lame-duck-served", "refused within 5 s of the signal");
    holds(&Row::guilty("closes-first", &[early]).with(&["--platform=kubernetes", "--grace=6s"]));
    holds(&Row::innocent("closes-first", &["--platform=ecs", "--grace=6s"]));
}

#[test]
fn heroku_repeats_its_signal() {
    let lost = ("second-signal", "lost after the second signal");
    holds(
        &Row::guilty("ends-at-the-second", &[lost])
            .with(&["--platform=heroku", "--grace=6s", "--slow-time=2s"])
            .torn(),
    );
}

#[test]
fn systemd_signals_each_process() {
    let seen = holds(
        &Row::guilty("worker-obeys", &[("requests-answered", "lost after the signal")])
            .with(&["--platform=systemd", "--grace=6s"])
            .torn(),
    );
    assert_eq!(found(&seen, "no-orphans"), "pass");
    // Another platform signals the parent alone.
    holds(&Row::guilty("worker-obeys", &[("no-orphans", "python3")]).torn());
}

#[test]
fn the_record_has_how_the_service_was_stopped() {
    let options = &["--pre-stop=300ms", "--min-lame-duck=5s", "--then-signal=TERM@200ms"];
    let seen = holds(&Row::innocent("ends-at-the-second", options).says(Says::Fail).torn());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("record");
    std::fs::write(&file, &seen.record).unwrap();
    let replayed = crate::common::ebbtide().arg("replay").arg(&file).arg("--format=json").output().unwrap();
    let replayed = crate::common::verdict(&replayed);
    let verdict = seen.verdict.as_ref().unwrap();
    assert_eq!(replayed["checks"], verdict["checks"]);
    assert_eq!(replayed["requests"], verdict["requests"]);
}

#[test]
fn a_process_that_goes_on_to_serve_is_not_said_to_wait_for_connections() {
    let why = "the process ignores the signal; new connections were accepted and answered to the end";
    let seen = holds(&Row::guilty("ignores", &[("exit-in-time", why)]).with(&["--grace=1s"]).torn());
    let evidence = seen.evidence("exit-in-time");
    assert!(!evidence.contains("Connection: close"), "{evidence}");
    assert_eq!(seen.hint("exit-in-time"), "install a handler for SIGTERM");
}

#[test]
fn where_every_process_gets_the_signal_the_last_one_ends_the_service() {
    const SYSTEMD: &[&str] = &["--platform=systemd"];
    let seen = holds(&Row::innocent("worker-drains", SYSTEMD));
    assert_eq!(found(&seen, "no-orphans"), "pass");
    let exited = seen.evidence("exit-in-time");
    let time = exited.strip_prefix("exited ").and_then(|rest| rest.split_once(" s after the signal"));
    let time = time.and_then(|(seconds, _)| seconds.parse::<f64>().ok());
    assert!(time.is_some_and(|seconds| seconds >= 2.5), "{exited}");
    // It gets the second signal, too.
    let seen = holds(&Row::innocent("worker-drains", &["--platform=systemd", "--then-signal=TERM@1s"]));
    assert_eq!(found(&seen, "second-signal"), "pass");
    // The grace period is that of the last one.
    holds(
        &Row::guilty("worker-drains", &[("no-kill", "SIGKILL")])
            .with(&["--platform=systemd", "--grace=2s"])
            .torn(),
    );
    // Elsewhere the service has stopped with the first one.
    holds(&Row::guilty("worker-drains", &[("no-orphans", "python3")]).torn());
}

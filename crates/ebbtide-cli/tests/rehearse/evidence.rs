//! What is no evidence: it looks like a good answer, or like the service, and is neither. And what an error says of an earlier start.

use std::fs;
use std::process::{Command, Output};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::common::{SMALL, check, ebbtide, hint, need, service, verdict};
use crate::ports::free_port;
use crate::scene::{Row, Says, certify, holds};

#[test]
fn requests_that_end_together_with_the_process_are_not_excused_by_failures_before_the_signal() {
    let row = Row::guilty("misses-some", &[("requests-answered", "when the process ended")]).torn();
    let seen = holds(&row.with(&["--slow-time=3s"]));
    let notes = seen.verdict.as_ref().unwrap()["runs"][0]["notes"].to_string();
    assert!(notes.contains("requests failed before the signal: the baseline"), "{notes}");
    assert!(!notes.contains("all when the process ended"), "{notes}");
}

#[test]
fn requests_in_flight_that_are_answered_with_an_error_and_status_200_are_found() {
    // Longer than the warm-up, as by default: only the first ones end before the signal.
    const LONG: [&str; 1] = ["--slow-time=2s-3s"];
    holds(&Row::guilty("cancels-slow", &[("requests-answered", "slow: ")]).with(&LONG));
    holds(&Row::innocent("perfect", &LONG));
}

#[test]
fn a_connection_that_a_stopped_client_left_silent_is_no_proof_of_a_loss() {
    let seen = holds(&Row::innocent("stops-its-client", &["--storm=8"]).says(Says::Inconclusive));
    let evidence = seen.evidence("requests-answered");
    assert!(evidence.contains("which got no processor time"), "{evidence}");
    // The opposite: without the kernel's time of the silence it is a loss.
    let lines = seen.record.lines().map(|line| {
        let mut event: Value = serde_json::from_str(line).unwrap();
        event.as_object_mut().unwrap().remove("silent_ms");
        event.to_string()
    });
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    fs::write(&record, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let replayed = ebbtide().args(["replay", "--format=json"]).arg(&record).output().unwrap();
    assert_eq!(check(&verdict(&replayed), "requests-answered").0, "fail");
}

#[test]
fn a_second_response_is_not_taken_for_that_to_the_next_request() {
    let seen = holds(&Row::innocent("answers-twice", &["--keepalive=2"]));
    let notes = seen.verdict.as_ref().unwrap()["runs"][0]["notes"].to_string();
    assert!(notes.contains("had bytes from the service that no request had asked for"), "{notes}");
    assert!(!notes.contains("closed by the service while idle"), "{notes}");
}

#[test]
fn a_second_response_only_after_the_signal_is_no_pass() {
    let row = Row::innocent("answers-twice-late", &["--keepalive=2"]);
    let evidence = holds(&row.says(Says::Inconclusive)).evidence("requests-answered");
    assert!(evidence.contains("no request had asked for after the signal, and none before it"), "{evidence}");
}

#[test]
fn a_failure_as_frequent_on_new_connections_before_the_signal_is_no_loss() {
    let seen = holds(&Row::innocent("drops-some", &["--no-phases"]));
    let notes = seen.verdict.as_ref().unwrap()["runs"][0]["notes"].to_string();
    assert!(notes.contains("failed before the signal: the baseline"), "{notes}");
}

#[test]
fn another_body_of_the_same_length_after_the_signal_is_no_proof() {
    let seen = holds(&Row::innocent("other-word", &[]).says(Says::Inconclusive));
    let evidence = seen.evidence("requests-answered");
    assert!(evidence.contains("another body of the same length than each one before it"), "{evidence}");
    let hint = seen.hint("requests-answered");
    assert!(hint.starts_with("a longer --warmup"), "{hint}");
    // The opposites: it never changes, or always does.
    holds(&Row::innocent("perfect", &[]));
    holds(&Row::innocent("dynamic", &[]));
}

#[test]
fn another_content_type_after_the_signal_is_a_finding_also_where_the_body_varies() {
    let other = ("requests-answered", "another Content-Type than before the signal");
    holds(&Row::guilty("other-type", &[other]).with(&["--slow=0"]));
    holds(&Row::innocent("dynamic-json", &["--slow=0"]));
}

#[test]
fn a_page_that_is_no_stream_of_events_proves_nothing_about_one() {
    let seen = holds(&Row::innocent("perfect", &["--url=events=/"]).says(Says::Inconclusive));
    let evidence = seen.evidence("routes-served");
    assert!(evidence.contains("status 200 without an event stream (text/event-stream)"), "{evidence}");
}

#[test]
fn readiness_that_turns_green_again_before_the_close_is_no_readiness_that_announces_it() {
    let flaps = [("readiness-before-close", "green again at +")];
    let seen = holds(&Row::guilty("flaps", &flaps).with(&["--require-readiness"]));
    let marks = seen.verdict.unwrap()["runs"][0]["timeline"]["landmarks"].to_string();
    assert!(marks.contains("readiness turned green again"), "{marks}");
    // Without the option the check is no failure, and no pass either.
    let seen = holds(&Row::innocent("flaps", &[]));
    assert_eq!(check(seen.verdict.as_ref().unwrap(), "readiness-before-close").0, "skipped");
    let seen = holds(&Row::innocent("perfect", &["--require-readiness"]));
    assert_eq!(check(seen.verdict.as_ref().unwrap(), "readiness-before-close").0, "pass");
}

/// Rehearses the careful server behind a shell that runs `script`, in which `$0` is the server and `$1` its port.
fn behind_a_shell(script: &str, options: &[&str]) -> Output {
    need("python3");
    let port = free_port().to_string();
    let mut command = ebbtide();
    command.args([
        "rehearse",
        "--format=json",
        "--quiet",
        &format!("--ready=http://127.0.0.1:{port}/readyz"),
    ]);
    command.args(SMALL).args(options).args(["--", "sh", "-c", script]).arg(service("careful.py")).arg(&port);
    command.output().unwrap()
}

/// It ends before the server has drained.
const LEAVES: &str = "python3 \"$0\" \"$1\" & p=$!; trap 'kill -TERM $p; sleep 0.2; exit 0' TERM; wait $p";

#[test]
fn what_a_child_serves_after_the_first_process_passes_on_no_platform_with_containers() {
    for platform in ["docker", "kubernetes", "ecs", "nomad", "cloud-run", "fly"] {
        // A shell lets its background processes ignore SIGINT, which two of them send.
        let options = ["--platform", platform, "--min-lame-duck=0", "--signal=TERM"];
        let judged = verdict(&behind_a_shell(LEAVES, &options));
        let (found, evidence) = check(&judged, "requests-answered");
        assert_eq!(
            (found.as_str(), &judged["verdict"]),
            ("inconclusive", &"inconclusive".into()),
            "{platform}: {evidence}"
        );
        assert!(
            evidence.contains("came from a child process after the first process had ended"),
            "{evidence}"
        );
        assert!(hint(&judged, "requests-answered").starts_with("--pid1 "));
    }
    // What it suggests shows what is lost.
    let judged = verdict(&behind_a_shell(LEAVES, &["--platform=docker", "--pid1"]));
    assert_eq!(check(&judged, "requests-answered").0, "fail", "{judged:#}");
    // Elsewhere the child process drains, which a note says.
    let judged = verdict(&behind_a_shell(LEAVES, &[]));
    assert_eq!(judged["verdict"], "pass", "{judged:#}");
    assert!(judged["runs"][0]["notes"].to_string().contains("--pid1"), "{judged:#}");
    // One that waits for its child passes everywhere.
    const WAITS: &str = "python3 \"$0\" \"$1\" & p=$!; trap 'kill -TERM $p; wait $p; exit 0' TERM; wait $p";
    let judged = verdict(&behind_a_shell(WAITS, &["--platform=docker"]));
    assert_eq!(judged["verdict"], "pass", "{judged:#}");
}

#[test]
fn an_end_by_the_signal_is_clean_where_each_process_gets_it_and_the_platform_counts_it_as_clean() {
    // The shell ends by its own signal, and the server drains.
    const IN_FRONT: &str = "python3 \"$0\" \"$1\"; exit $?";
    for platform in ["--platform=systemd", "--platform=heroku"] {
        let judged = verdict(&behind_a_shell(IN_FRONT, &[platform]));
        for id in ["signal-handled", "exit-code", "no-orphans", "requests-answered"] {
            assert_eq!(check(&judged, id).0, "pass", "{platform} {id}: {judged:#}");
        }
    }
    // What is given replaces it, and the shell is no cause.
    let judged = verdict(&behind_a_shell(IN_FRONT, &["--platform=systemd", "--expect-exit=0"]));
    assert_eq!(check(&judged, "exit-code").0, "fail", "{judged:#}");
    assert!(!judged["checks"].to_string().contains("does not forward"), "{judged:#}");
    // Where the shell alone gets it, it is one.
    let judged = verdict(&behind_a_shell(IN_FRONT, &["--platform=docker"]));
    assert_eq!(check(&judged, "exit-code").0, "fail", "{judged:#}");
    assert!(judged["checks"].to_string().contains("does not forward"), "{judged:#}");
}

#[test]
fn a_wrapper_that_forwards_and_waits_is_not_said_to_do_neither() {
    let script = "python3 \"$0\" \"$1\" & p=$!; trap 'kill -TERM $p; wait $p; exit 143' TERM; wait $p";
    let judged = verdict(&behind_a_shell(script, &[]));
    assert_eq!(check(&judged, "exit-code").0, "fail", "{judged:#}");
    assert_eq!(hint(&judged, "exit-code"), "if this exit is intended: --expect-exit 143");
    assert!(!judged["checks"].to_string().contains("does not forward"), "{judged:#}");
}

#[test]
fn a_child_of_a_wrapper_that_was_attached_to_is_the_service() {
    need("python3");
    let port = free_port();
    let mut wrapper = Command::new("sh");
    // The signal reaches the wrapper alone, and the server serves on.
    wrapper.args(["-c", "python3 \"$0\" \"$1\" & trap 'exit 0' TERM; wait"]);
    let mut wrapper = wrapper.arg(service("careful.py")).arg(port.to_string()).spawn().unwrap();
    let output = ebbtide()
        .args(["rehearse", "--format=json", "--quiet", "--attach", &wrapper.id().to_string()])
        .arg(format!("--ready=http://127.0.0.1:{port}/readyz"))
        .args(SMALL)
        .output()
        .unwrap();
    wrapper.wait().unwrap();
    let judged = verdict(&output);
    let (found, evidence) = check(&judged, "no-orphans");
    let left = evidence.split(['(', ')']).find_map(|word| word.parse::<i32>().ok()).unwrap();
    kill_process(Pid::from_raw(left).unwrap(), Signal::KILL).unwrap();
    assert_eq!(found, "fail", "{evidence}");
    let notes = judged["runs"][0]["notes"].to_string();
    assert!(
        notes.contains("a child process of the service") && !notes.contains("another program"),
        "{notes}"
    );
    assert_eq!(judged["requests"]["foreign"], 0);
}

#[test]
fn a_comparison_without_a_verdict_says_which_command_has_none() {
    let output = ebbtide()
        .args(["rehearse", "--quiet", "--ready=1", "--compare=/no/such/earlier", "--", "/no/such/program"])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{words}");
    assert!(words.contains("the command of --compare, `/no/such/earlier`"), "{words}");
}

#[test]
fn a_service_that_moves_to_the_background_under_load_is_told_to_stay_in_front() {
    need("python3");
    let port = free_port().to_string();
    let script = "setsid python3 \"$0\" \"$1\" & while ! [ -e \"$2\" ]; do sleep 0.05; done";
    let folder = tempfile::tempdir().unwrap();
    let over = folder.path().join("over");
    let output = ebbtide()
        .args(["rehearse", "--quiet", "--storm=2", "--keepalive=2", "--open=0", "--warmup=20s"])
        .args(["--ready", &port, "--", "sh", "-c"])
        .arg(format!("(sleep 1.5; touch {}) & {script}", over.display()))
        .arg(service("naive.py"))
        .args([&port, &over.display().to_string()])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{words}");
    assert!(words.contains("it left running: ") && words.contains("python3"), "{words}");
    assert!(words.contains("in the foreground") && !words.contains("/dev/null"), "{words}");
}

#[test]
fn a_service_with_tls_is_recognised_without_its_url() {
    need("python3");
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port().to_string());
    let mut command = ebbtide();
    command.args(["rehearse", "--quiet"]).env("TRUTH", folder.path().join("truth"));
    certify(&mut command, folder.path());
    // The certificate is not trusted.
    let mut unaware = ebbtide();
    unaware.args(["rehearse", "--quiet"]);
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            unaware.env(name, value);
        }
    }
    let output =
        unaware.arg("--").arg("python3").arg(service("truth.py")).args([&port, "perfect"]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{words}");
    assert!(words.contains("the service speaks TLS"), "{words}");
    assert!(words.contains("--ready https://HOST:PORT/PATH") && words.contains("--insecure"), "{words}");
}

#[test]
fn a_process_without_a_listener_is_not_waited_for_and_no_option_that_was_not_given_is_blamed() {
    let mut running = Command::new("sleep").arg("61.4").spawn().unwrap();
    let output = ebbtide().args(["rehearse", "--attach", &running.id().to_string()]).output().unwrap();
    running.kill().unwrap();
    running.wait().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{words}");
    assert!(words.contains("not ready within 2 s (no listener was found"), "{words}");
    assert!(!words.contains("check that --ready"), "{words}");
}

#[test]
fn a_second_start_that_is_refused_is_told_with_the_first_one() {
    need("python3");
    let folder = tempfile::tempdir().unwrap();
    let refused = |lock: &str, options: &[&str]| {
        let port = free_port().to_string();
        let lock = folder.path().join(lock).display().to_string();
        let script = "[ -e \"$2\" ] && echo locked && exit 1; touch \"$2\"; exec python3 \"$0\" \"$1\"";
        let options = options.iter().map(|option| option.replace("{port}", &port));
        let mut command = ebbtide();
        command.args(["rehearse", "--quiet"]).args(options).args(SMALL);
        command.args(["--", "sh", "-c", script]).arg(service("careful.py")).args([&port, &lock]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let words = refused("repeated", &["--repeat=2", "--ready=http://127.0.0.1:{port}/readyz"]);
    assert!(words.contains("started before, in 1 run with a verdict (pass)"), "{words}");
    let words = refused("searched", &[]);
    assert!(words.contains("started before, to find its listener"), "{words}");
    // The opposite: the first start is.
    fs::write(folder.path().join("earlier"), "").unwrap();
    let words = refused("earlier", &["--ready=http://127.0.0.1:{port}/readyz"]);
    assert!(words.contains("locked") && !words.contains("started before"), "{words}");
}

#[test]
fn a_path_with_a_space_is_refused_before_the_service_is_started() {
    let output = ebbtide()
        .args(["rehearse", "--ready=1", "--url", "storm=GET:/a b", "--", "/no/such/program"])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && words.contains("`GET:/a b`"), "{words}");
}

//! What is observed beside the requests: stack traces, memory and threads, files that are left, accept queues. Each is a note, never a failure.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::common::{SMALL, ebbtide, need, service, verdict};
use crate::ports::free_port;
use crate::scene::SLOW;

/// Rehearses a service that loses nothing and does what `modes` say. Returns its only run, after it was judged again from its record: alike in
/// every format. The service works in the folder `work` of `folder`, and its `TMPDIR` is the folder `tmp`.
#[track_caller]
fn observed(folder: &Path, modes: &[&str]) -> Value {
    need("python3");
    let [work, temporary] = ["work", "tmp"].map(|name| folder.join(name));
    fs::create_dir_all(&work).unwrap();
    fs::create_dir_all(&temporary).unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    let port = free_port();
    let mut command = ebbtide();
    command.current_dir(&work).env("TMPDIR", &temporary);
    command.args(["rehearse", "--quiet", "--grace=10s"]).args(SMALL).args(SLOW);
    command.arg(format!("--ready=http://127.0.0.1:{port}/readyz")).arg(format!("--record={}", at("record")));
    for format in ["text", "json", "markdown", "html"] {
        command.arg(format!("--format={format}={}", at(format)));
    }
    command.args(["--", "python3"]).arg(service("observed.py")).arg(port.to_string()).args(modes);
    let output = command.output().unwrap();
    let text = fs::read_to_string(at("text")).unwrap_or_default();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for format in ["text", "json", "markdown", "html"] {
        let again = ebbtide().args(["replay", &at("record"), "--format", format]).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&again.stdout),
            fs::read_to_string(at(format)).unwrap(),
            "{format}"
        );
    }
    let json: Value = serde_json::from_str(&fs::read_to_string(at("json")).unwrap()).unwrap();
    let run = json["runs"][0].clone();
    for note in notes(&run) {
        assert!(text.contains(&format!("note: {note}\n")), "{note}: {text}");
    }
    run
}

fn notes(run: &Value) -> Vec<String> {
    run["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn assert_noted(run: &Value, words: &str) {
    assert!(notes(run).iter().any(|note| note.contains(words)), "{words}: {run:#}");
}

#[track_caller]
fn assert_not_noted(run: &Value, words: &str) {
    assert!(!notes(run).iter().any(|note| note.contains(words)), "{words}: {run:#}");
}

#[test]
fn a_stack_trace_after_the_signal_is_noted_and_an_earlier_one_or_a_mention_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let run = observed(folder.path(), &["mentions", "traceback-late", "mentions-late"]);
    assert_noted(
        &run,
        " after the signal: `Traceback (most recent call last):` … `RuntimeError: pool is closed`",
    );
    assert_eq!(run["stack_traces"]["count"], 1, "{run:#}");
    let after = run["stack_traces"]["after_ms"].as_f64().unwrap();
    assert!(after >= 0.0 && after < run["exit"]["after_ms"].as_f64().unwrap(), "{run:#}");

    let run = observed(folder.path(), &["mentions", "mentions-late"]);
    assert_not_noted(&run, "stack trace");
    assert!(run["stack_traces"].is_null(), "{run:#}");
}

#[test]
fn output_that_ends_within_a_line_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let run = observed(folder.path(), &["cut"]);
    assert_noted(&run, "the output ends within a line, as if its last buffer was not written: `");
    assert_not_noted(&observed(folder.path(), &["lines"]), "ends within a line");
}

#[test]
fn memory_and_threads_that_grow_during_the_drain_are_noted() {
    let folder = tempfile::tempdir().unwrap();
    let run = observed(folder.path(), &["memory-late", "threads-late"]);
    let of = |place: &str, what: &str| run["resources"][place][what].as_u64().unwrap();
    assert!(of("peak_after", "memory_bytes") >= of("peak_before", "memory_bytes") + (190 << 20), "{run:#}");
    // The last sample may be one of a process whose threads are ending.
    assert!(of("peak_after", "threads") >= 150 && of("before_exit", "threads") > 0, "{run:#}");
    assert!(of("at_signal", "threads") < 150, "{run:#}");
    assert!(of("at_signal", "descriptors") > 3 && of("at_signal", "processes") == 1, "{run:#}");
    assert_noted(&run, "the memory of the service grew during the shutdown: ");
    assert_noted(&run, "the threads of the service grew during the shutdown: ");
    let text = fs::read_to_string(folder.path().join("text")).unwrap();
    assert!(text.contains("\n   resources  ") && text.contains(" before the exit\n"), "{text}");
    for (format, words) in [("markdown", "\nResources: "), ("html", "<h2>Resources</h2><p>")] {
        let text = fs::read_to_string(folder.path().join(format)).unwrap();
        assert!(text.contains(words), "{format}");
    }

    // A service that is as large before the signal.
    let run = observed(folder.path(), &["memory", "threads"]);
    assert!(run["resources"]["peak_after"]["memory_bytes"].as_u64().unwrap() > 200 << 20, "{run:#}");
    assert_not_noted(&run, "grew");
}

#[test]
fn a_socket_a_lock_a_pid_file_and_a_temporary_file_that_are_left_are_noted() {
    let folder = tempfile::tempdir().unwrap();
    let run = observed(folder.path(), &["files"]);
    let found = run["left_behind"].as_array().unwrap_or_else(|| panic!("{run:#}"));
    let found: Vec<_> =
        found.iter().map(|file| (file["path"].as_str().unwrap(), file["kind"].as_str().unwrap())).collect();
    // Neither the log nor the data, and nothing of the rehearsal itself, which also has a folder in TMPDIR.
    let expected = [
        ("tmp/spool", "temporary-file"),
        ("work/app.lock", "lock-file"),
        ("work/app.pid", "pid-file"),
        ("work/app.sock", "socket"),
    ];
    let expected = expected.map(|(name, kind)| (folder.path().join(name).display().to_string(), kind));
    assert!(found.iter().copied().eq(expected.iter().map(|(path, kind)| (path.as_str(), *kind))), "{run:#}");
    assert_noted(&run, &format!("left behind: {} (temporary file), ", expected[0].0));

    // All files of the first service are still there.
    fs::remove_file(folder.path().join("work/app.sock")).unwrap();
    let run = observed(folder.path(), &["files", "tidy"]);
    assert!(run["left_behind"].is_null(), "{run:#}");
    assert_not_noted(&run, "left behind");
}

/// Rehearses the service `truth.py` in `mode`, and returns its runs.
#[track_caller]
fn truth(mode: &str) -> Vec<Value> {
    need("python3");
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().to_string();
    let mut command = ebbtide();
    command.env("TRUTH", folder.path().join("truth"));
    command.args([
        "rehearse",
        "--quiet",
        "--format=json",
        "--grace=10s",
        "--url=storm=/",
        "--url=keepalive=/",
    ]);
    command.args(["--warmup=300ms", "--repeat=4"]).arg(format!("--ready=http://127.0.0.1:{port}/readyz"));
    let output =
        command.args(["--", "python3"]).arg(service("truth.py")).args([&port, mode]).output().unwrap();
    verdict(&output)["runs"].as_array().unwrap().clone()
}

#[test]
fn what_waits_in_the_accept_queue_when_the_listener_closes_is_noted() {
    // It accepts nothing for 200 ms, and closes then. On a busy machine the last sample may be too old, but not in each run.
    let runs = truth("closes-at-once");
    let run = runs.iter().find(|run| run["accept_queues"].is_array()).unwrap_or_else(|| panic!("{runs:#?}"));
    let queue = &run["accept_queues"][0];
    assert!(queue["connections"].as_u64().unwrap() > 0, "{run:#}");
    assert!(queue["closed_after_ms"].as_f64().unwrap() >= 200.0, "{run:#}");
    assert_noted(run, &format!("the accept queue of {} had ", queue["address"].as_str().unwrap()));

    for run in truth("perfect") {
        assert!(run["accept_queues"].is_null(), "{run:#}");
        assert_not_noted(&run, "accept queue");
    }
}

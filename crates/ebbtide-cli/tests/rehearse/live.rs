//! The live view: two lines that change on a terminal, and nothing of it anywhere else.

use std::fs;
use std::process::{Command, Output};

use crate::common::{SMALL, ebbtide, need, service};
use crate::ports::free_port;

/// Runs its arguments with a terminal, and prints what that shows. The child's standard output goes to the file in `OUT`.
const TERMINAL: &str = "import os, pty, sys\n\
    words = ['sh', '-c', 'exec \"$0\" \"$@\" > \"$OUT\"'] + sys.argv[1:]\n\
    sys.exit(os.waitstatus_to_exitcode(pty.spawn(words)))\n";

fn arguments(port: u16, more: &[&str]) -> Vec<String> {
    let ready = format!("--ready=http://127.0.0.1:{port}/readyz");
    let words = ["rehearse", "--format=json", &ready, "--url=storm=/", "--url=keepalive=/", "--url=open=/"];
    let words = words.iter().chain(&SMALL).chain(more).map(|word| (*word).to_owned());
    let script = service("careful.py").display().to_string();
    words.chain(["--".to_owned(), "python3".to_owned(), script, port.to_string()]).collect()
}

/// Returns what a terminal shows of a rehearsal, and its standard output.
fn on_a_terminal(more: &[&str]) -> (String, String) {
    need("python3");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.json");
    let port = free_port();
    let output = Command::new("python3")
        .args(["-c", TERMINAL, env!("CARGO_BIN_EXE_ebbtide")])
        .args(arguments(port, more))
        .env("OUT", &out)
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .env_remove("DATABASE_URL")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    (shown, fs::read_to_string(out).unwrap())
}

#[test]
fn a_terminal_shows_two_lines_that_change_and_are_cleared() {
    let (shown, piped) = on_a_terminal(&["--grace=20s"]);
    for part in [
        "signal in ",
        " in flight, ",
        " answered, ",
        " refused, ",
        " lost",
        "stopping for ",
        "SIGKILL in 20 s",
    ] {
        assert!(shown.contains(part), "{part}: {shown:?}");
    }
    // Each change draws over the two lines before it.
    let (draws, over) = (shown.matches(" in flight, ").count(), shown.matches("\u{1b}[1A").count());
    assert!(draws > 3 && over >= draws, "{draws} draws, {over} of them over others: {shown:?}");
    // At the end both lines are cleared.
    let last = shown.rsplit(" lost").next().unwrap();
    assert!(last.matches("\u{1b}[2K").count() >= 2, "{last:?}");
    assert!(serde_json::from_str::<serde_json::Value>(&piped).is_ok(), "only the verdict is piped: {piped}");
}

#[test]
fn a_quiet_rehearsal_shows_nothing_on_a_terminal() {
    let (shown, piped) = on_a_terminal(&["--quiet"]);
    assert_eq!(shown, "");
    assert!(serde_json::from_str::<serde_json::Value>(&piped).is_ok(), "{piped}");
}

#[test]
fn without_a_terminal_there_are_plain_lines() {
    need("python3");
    let run = |more: &[&str]| -> Output { ebbtide().args(arguments(free_port(), more)).output().unwrap() };
    let output = run(&["--grace=20s"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        matches!(&lines[..], [ready, sent] if ready.starts_with("ready after ") && *sent == "SIGTERM sent; grace period 20 s"),
        "{lines:?}"
    );
    assert!(!said.contains('\u{1b}') && !said.contains('\r'), "{said:?}");
    assert_eq!(String::from_utf8_lossy(&run(&["--quiet"]).stderr), "");
}

#[test]
fn what_runs_before_the_signal_is_named_while_it_runs() {
    let (shown, _) = on_a_terminal(&["--pre-stop=1s"]);
    assert!(shown.contains("running preStop: a sleep of 1 s; signal in "), "{shown:?}");
    // Without a terminal it is a step.
    need("python3");
    let output = ebbtide().args(arguments(free_port(), &["--pre-stop=sleep 0.1"])).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    let (hook, signal) = (words.find("running preStop: `sleep 0.1`"), words.find("SIGTERM sent"));
    assert!(hook.is_some() && hook < signal, "{words}");
}

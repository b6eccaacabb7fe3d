//! Which process of a service had each connection to a dependency. Needs Redis and NATS, as `dependencies.rs`.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{check, ebbtide, need, service, verdict};
use crate::dependencies::address;
use crate::ports::free_port;

/// Starts a service for each argument, with the words in it, one after the other: each has opened its connections when it has written its process
/// id. At SIGTERM it ends them, and waits for them.
const SHELL: &str = r#"
    touch "$PIDS"
    for arguments in "$@"; do
        python3 "$SERVICE" $arguments & children="$children $!"; count=$((count + 1))
        until [ "$(wc -l < "$PIDS")" -ge $count ]; do sleep 0.05; done
    done
    trap 'kill -$KILL $children' TERM
    wait $children; wait $children; exit 0
"#;

/// The verdict of a rehearsal, and the process ids of the services behind the shell.
struct Seen {
    verdict: Value,
    pids: Vec<String>,
}

impl Seen {
    /// Returns whether the finding is a pass or a failure, and the evidence.
    fn found(&self) -> (String, String) {
        check(&self.verdict, "dependencies-closed")
    }

    /// Returns what names the service of this number.
    fn process(&self, at: usize) -> String {
        format!("python3 dependencies.py (pid {})", self.pids[at])
    }
}

/// Rehearses a shell with services behind it, which have connections to `protocol`: each with these numbers of open and of abandoned ones. The
/// shell ends them by `kill`.
#[track_caller]
fn behind_a_shell(protocol: &str, numbers: &[&str], kill: &str) -> Seen {
    need("python3");
    let (_folder, pids) = file();
    let ports: Vec<String> = numbers.iter().map(|_| free_port().to_string()).collect();
    let mut command = ebbtide();
    command.args(["rehearse", "--format=json", "--grace=10s", "--signal-at=idle", "--warmup=600ms"]);
    command.arg(format!("--via={protocol}={}", address(protocol)));
    command.arg(format!("--ready={}", ports.last().unwrap()));
    command.arg(format!("--env=SERVICE={}", service("dependencies.py").display()));
    command.args([format!("--env=PIDS={}", pids.display()), format!("--env=KILL={kill}")]);
    command.args(["--", "sh", "-c", SHELL, "sh"]);
    for (numbers, port) in numbers.iter().zip(&ports) {
        command.arg(format!("{port} {protocol} {{via.{protocol}}} {numbers}"));
    }
    let output = command.output().unwrap();
    let pids = fs::read_to_string(pids).unwrap_or_default().lines().map(str::to_owned).collect();
    Seen { verdict: verdict(&output), pids }
}

fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pids");
    (folder, path)
}

#[test]
fn the_process_behind_a_shell_is_named() {
    let seen = behind_a_shell("redis", &["3 1"], "TERM");
    let (found, evidence) = seen.found();
    let process = seen.process(0);
    let closed = format!("redis: of 3 connections, 2 closed by {process}, 1 abandoned (");
    assert!(found == "fail" && evidence.starts_with(&closed), "{process}: {evidence}");
    assert!(evidence.ends_with(&format!(") by {process}")), "{process}: {evidence}");
}

#[test]
fn of_two_processes_each_has_its_connections() {
    let seen = behind_a_shell("redis", &["2 0", "3 2"], "TERM");
    let (found, evidence) = seen.found();
    assert!(
        found == "fail" && evidence.contains("of 5 connections, 3 closed by the service: "),
        "{evidence}"
    );
    for part in [
        format!("2 of {}", seen.process(0)),
        format!("1 of {}", seen.process(1)),
        format!(") by {}", seen.process(1)),
    ] {
        assert!(evidence.contains(&part), "{part}: {evidence}");
    }
}

/// The shell runs when the kernel closes the connections of its child.
#[test]
fn a_process_that_is_killed_behind_a_shell_abandons_its_subscriptions() {
    let seen = behind_a_shell("nats", &["3 0"], "KILL");
    let (found, evidence) = seen.found();
    let abandoned =
        format!("3 abandoned (3 with a subscription at the end of the process) by {}", seen.process(0));
    assert!(found == "fail" && evidence.ends_with(&abandoned), "{evidence}");
}

/// The opposite: after a fork two processes have the connections, and neither is named.
#[test]
fn connections_that_two_processes_share_are_of_no_known_process() {
    let seen = behind_a_shell("redis", &["3 3 shared"], "TERM");
    let (_, evidence) = seen.found();
    assert!(evidence.starts_with("redis: of 3 connections, ") && !evidence.contains("(pid "), "{evidence}");
}

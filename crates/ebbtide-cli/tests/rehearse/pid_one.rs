//! A service that is PID 1 of a namespace, as in a container.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::{check, ebbtide, hint, need, service, verdict};
use crate::ports::free_port;
use crate::scene::{Row, holds};

/// A stop soon after the service is ready.
const QUICK: [&str; 3] = ["--warmup=600ms", "--window=200ms", "--seed=7"];

/// Rehearses the server behind a shell that runs `script`, in which `$0` is the server and `$1` its port.
fn behind_a_shell(script: &str, options: &[&str]) -> Output {
    need("python3");
    let port = free_port().to_string();
    let mut command = ebbtide();
    command.args(["rehearse", "--format=json", "--grace=1s", "--signal-at=idle", "--ready", &port]);
    command.args(options).args(QUICK).args(["--", "sh", "-c", script]).arg(service("naive.py")).arg(&port);
    command.output().unwrap()
}

#[test]
fn as_pid_1_a_shell_without_a_trap_ignores_the_signal() {
    const SCRIPT: &str = "python3 \"$0\" \"$1\" & wait";
    let judged = verdict(&behind_a_shell(SCRIPT, &["--pid1"]));
    let (found, evidence) = check(&judged, "signal-handled");
    assert_eq!(found, "fail", "{evidence}");
    assert!(evidence.contains("SIGTERM had no effect: the process is PID 1 without a handler"), "{evidence}");
    let hint = hint(&judged, "signal-handled");
    assert!(hint.contains("`exec`") && hint.contains("docker run --init"), "{hint}");
    assert_eq!(check(&judged, "no-kill").0, "fail");
    // The kernel ends the namespace with its first process.
    assert_eq!(check(&judged, "no-orphans").0, "pass");
    // The opposite: as any other process the shell ends by the signal, and leaves the server behind.
    let judged = verdict(&behind_a_shell(SCRIPT, &[]));
    let (found, evidence) = check(&judged, "signal-handled");
    assert!(found == "fail" && evidence.contains("its default action ended the process"), "{evidence}");
    assert_eq!(check(&judged, "no-kill").0, "pass");
    assert_eq!(check(&judged, "no-orphans").0, "fail");
    // With `exec` the server is PID 1, and it has a handler.
    let output = behind_a_shell("exec python3 \"$0\" \"$1\"", &["--pid1"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_service_is_pid_1_with_the_option_alone() {
    let folder = tempfile::tempdir().unwrap();
    let seen = |options: &[&str]| {
        let file = folder.path().join("pid");
        // What the shell is, and what /proc of its namespace says.
        let script = format!("echo $$ $(cat /proc/$$/comm) > {}; exec python3 \"$0\" \"$1\"", file.display());
        let output = behind_a_shell(&script, options);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read_to_string(file).unwrap().trim().to_owned()
    };
    assert_eq!(seen(&["--pid1"]), "1 sh");
    assert_ne!(seen(&[]), "1 sh");
}

#[test]
fn a_service_that_stops_well_stops_well_as_pid_1() {
    // Its listener, its server and its signals are found by its process id out here.
    let seen = holds(&Row::innocent("perfect", &["--pid1"]));
    assert!(
        seen.evidence("signal-handled").contains("ended by itself"),
        "{}",
        seen.evidence("signal-handled")
    );
    holds(&Row::guilty("exits-at-once", &[("requests-answered", "lost after the signal")]).with(&["--pid1"]));
}

#[test]
fn a_program_that_cannot_be_executed_as_pid_1_has_the_usual_error() {
    let output =
        ebbtide().args(["rehearse", "--pid1", "--ready=1", "--", "./no-such-program"]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{words}");
    assert!(words.contains("cannot execute `./no-such-program`"), "{words}");
}

/// Rehearses the server as PID 1 behind `wrapper`, which changes what is permitted.
fn permitted(wrapper: &[&str]) -> Output {
    need("python3");
    let port = free_port().to_string();
    let (program, args) = wrapper.split_first().unwrap();
    let mut command = Command::new(program);
    command.args(args).arg(env!("CARGO_BIN_EXE_ebbtide"));
    command.args(["rehearse", "--format=json", "--signal-at=idle", "--pid1", "--ready", &port]);
    command.args(QUICK).args(["--", "python3"]).arg(service("naive.py")).arg(&port);
    command.output().unwrap()
}

#[test]
fn without_privileges_the_namespace_belongs_to_a_user_namespace() {
    need("setpriv");
    let output = permitted(&["setpriv", "--bounding-set=-sys_admin"]);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words}");
}

#[test]
fn a_system_that_permits_no_namespace_is_named() {
    const NONE: &str = "echo 0 > /proc/sys/user/max_pid_namespaces; exec \"$0\" \"$@\"";
    let output = permitted(&["unshare", "--user", "--map-root-user", "sh", "-c", NONE]);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{words}");
    assert!(words.contains("the service did not start: cannot create a PID namespace: "), "{words}");
    assert!(words.contains("hint: --pid1 needs root, or user namespaces"), "{words}");
}

#[test]
fn a_command_that_is_killed_leaves_no_process_of_the_namespace() {
    need("python3");
    let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
    let mut command = ebbtide()
        .args(["rehearse", "--quiet", "--pid1", "--warmup=60s", "--ready", &port.to_string()])
        .args(["--storm=1", "--keepalive=1", "--open=0", "--", "sh", "-c"])
        .arg("echo $PPID; sleep 61.8 & exec python3 \"$0\" \"$1\"")
        .arg(service("naive.py"))
        .arg(port.to_string())
        .env("TMPDIR", folder.path())
        .spawn()
        .unwrap();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let children = children(command.id());
    let below: Vec<u32> = children.iter().flat_map(|pid| self::children(*pid)).collect();
    assert!(!below.is_empty(), "PID 1 is a child of a child: {children:?}");
    command.kill().unwrap();
    command.wait().unwrap();
    let is_there = |pid: &&u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        Path::new(&format!("/proc/{pid}")).exists() && !stat.contains(") Z ")
    };
    let mut looks = 0;
    while let Some(pid) = children.iter().chain(&below).find(is_there) {
        looks += 1;
        assert!(looks < 1000, "{pid} outlives the command");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

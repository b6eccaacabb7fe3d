//! A service that runs already, which the command neither started nor ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::common::{SMALL, check, ebbtide, need, service, verdict};
use crate::ports::free_port;

/// A running service. Dropping it ends it.
struct Running(Child);

impl Running {
    /// Starts `command`, and waits until it listens on `port`.
    fn start(command: &mut Command, port: u16) -> Self {
        let running = Self(command.stdout(Stdio::null()).spawn().unwrap());
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            sleep(Duration::from_millis(10));
        }
        running
    }

    /// Starts the Python service `name`.
    fn python(name: &str, args: &[&str]) -> Self {
        need("python3");
        let port = free_port();
        Self::start(Command::new("python3").arg(service(name)).arg(port.to_string()).args(args), port)
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

fn attach(pid: &str, options: &[&str]) -> Output {
    let mut command = ebbtide();
    command.args(["rehearse", "--format=json", "--grace=6s", "--attach", pid]).args(SMALL).args(options);
    command.output().unwrap()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_running_service_that_loses_nothing_passes_although_its_exit_code_is_unknown() {
    let mut running = Running::python("careful.py", &[]);
    let output = attach(&running.pid(), &[]);
    assert!(words(&output).contains("found --ready http://127.0.0.1:"), "{}", words(&output));
    let judged = verdict(&output);
    assert_eq!(output.status.code(), Some(0), "{judged:#}");
    let (found, evidence) = check(&judged, "exit-code");
    assert!(found == "inconclusive" && evidence.contains("not observed"), "{evidence}");
    assert_eq!(judged["exit"]["code"], serde_json::Value::Null);
    assert!(judged["exit"]["after_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(running.0.wait().unwrap().code(), Some(0), "the signal ended it, and nothing else did");
}

#[test]
fn the_output_and_the_files_of_a_running_service_are_not_observed() {
    let folder = tempfile::tempdir().unwrap();
    need("python3");
    let port = free_port();
    let mut command = Command::new("python3");
    command.arg(service("observed.py")).arg(port.to_string()).args(["files", "traceback-late"]);
    let running = Running::start(command.current_dir(folder.path()).stderr(Stdio::null()), port);
    let judged = verdict(&attach(&running.pid(), &[]));
    let run = &judged["runs"][0];
    for field in ["stack_traces", "truncated_line", "left_behind"] {
        assert!(run[field].is_null(), "{field}: {run:#}");
    }
    assert!(run["resources"]["at_signal"]["memory_bytes"].as_u64().unwrap() > 0, "{run:#}");
    assert!(folder.path().join("app.lock").exists(), "it left files all the same");
}

#[test]
fn a_running_service_that_loses_requests_fails() {
    let running = Running::python("naive.py", &[]);
    let output = attach(&running.pid(), &["--url=slow=/slow/{ms}", "--slow-time=300ms-600ms"]);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert_eq!(check(&verdict(&output), "requests-answered").0, "fail");
}

#[test]
fn a_running_service_that_ignores_the_signal_is_killed() {
    let mut running = Running::python("naive.py", &["ignore"]);
    let output = attach(&running.pid(), &["--grace=1s"]);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    let judged = verdict(&output);
    for id in ["signal-handled", "no-kill", "exit-in-time"] {
        assert_eq!(check(&judged, id).0, "fail", "{id}: {judged:#}");
    }
    assert!(running.0.wait().unwrap().code().is_none());
}

#[test]
fn what_a_running_service_leaves_behind_is_named_and_left_running() {
    need("python3");
    let script = "sleep 61.9 & exec python3 \"$0\" \"$1\"";
    let (port, mut command) = (free_port(), Command::new("sh"));
    let running =
        Running::start(command.args(["-c", script]).arg(service("naive.py")).arg(port.to_string()), port);
    let (found, evidence) = check(&verdict(&attach(&running.pid(), &[])), "no-orphans");
    assert!(found == "fail" && evidence.contains("sleep ("), "{evidence}");
    let left = evidence.split(['(', ')']).find_map(|word| word.parse::<i32>().ok()).unwrap();
    assert!(Path::new(&format!("/proc/{left}")).exists(), "{left} was ended");
    kill_process(Pid::from_raw(left).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn an_interrupted_rehearsal_leaves_a_running_service_alone() {
    let mut running = Running::python("careful.py", &[]);
    let mut command = ebbtide();
    command.args(["rehearse", "--attach", &running.pid(), "--warmup=60s"]).args(SMALL).arg("--warmup=60s");
    let mut command = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(command.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("found --ready")));
    kill_process(Pid::from_child(&command), Signal::INT).unwrap();
    assert!(lines.any(|line| line.contains("the service was left as it is")));
    assert_eq!(command.wait().unwrap().code(), Some(130));
    assert!(running.0.try_wait().unwrap().is_none(), "the service has ended");
}

#[test]
fn a_process_that_is_none_of_a_service_is_refused_at_once() {
    for (pid, code, why) in [
        ("1", 3, "cannot attach to process 1: PID 1 is the whole system or container"),
        ("2147483647", 3, "cannot attach to process 2147483647: no such process"),
        ("0", 2, "expected a whole number from 1 to 2147483647"),
        ("-1", 2, "invalid process id `-1`"),
        ("orders", 2, "invalid process id `orders`"),
    ] {
        let output = attach(pid, &[]);
        assert_eq!(output.status.code(), Some(code), "{pid}: {}", words(&output));
        assert!(words(&output).contains(why), "{pid}: {}", words(&output));
    }
    let own = format!("exec {} rehearse --attach $$", env!("CARGO_BIN_EXE_ebbtide"));
    let output = Command::new("sh").args(["-c", &own]).output().unwrap();
    assert!(words(&output).contains("it is the rehearsal itself"), "{}", words(&output));
}

#[test]
fn a_process_of_another_user_is_refused() {
    need("setpriv");
    let other = "exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -c 'echo up; exec sleep 61.6'";
    let mut child = Command::new("sh").args(["-c", other]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let running = Running(child);
    assert_eq!(line, "up\n");
    // Root may signal it: without that privilege.
    let output = Command::new("setpriv")
        .args(["--bounding-set=-kill", env!("CARGO_BIN_EXE_ebbtide"), "rehearse", "--attach", &running.pid()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", words(&output));
    assert!(words(&output).contains("it belongs to another user"), "{}", words(&output));
    assert!(
        words(&output).contains("hint: run the rehearsal as the user of the service"),
        "{}",
        words(&output)
    );
}

#[test]
fn a_running_service_is_neither_started_nor_repeated() {
    for options in [
        &["--", "./service"][..],
        &["--repeat=2"],
        &["--until-failure"],
        &["--pid1"],
        &["--init"],
        &["--demo"],
        &["--compare=./service"],
        &["--signal-at=startup"],
        &["--signal-at=random"],
    ] {
        let output = attach("4711", options);
        assert_eq!(output.status.code(), Some(2), "{options:?}: {}", words(&output));
    }
}

#[test]
fn the_command_of_the_settings_is_not_that_of_a_running_service() {
    let running = Running::python("careful.py", &[]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ebbtide.toml"), "[rehearse]\ncommand = \"./service\"\nstrict = true\n")
        .unwrap();
    let mut command = ebbtide();
    command.args(["rehearse", "--format=json", "--attach", &running.pid()]).args(SMALL);
    let output = command.current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert!(words(&output).contains("settings of ebbtide.toml"), "{}", words(&output));
}

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};

use super::client::get;

/// The timeout of a test's waits. Far longer than they take: it only keeps a failed test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running demo service. Killed on drop.
pub(crate) struct Demo {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    pub(crate) address: SocketAddr,
    report: NamedTempFile,
}

/// The outcome of a demo service.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) said: Vec<String>,
    /// The components that did not drain, with their outcomes.
    pub(crate) undrained: Vec<(String, String)>,
}

impl Demo {
    /// Starts it on a folder, and returns when it is ready.
    pub(crate) fn start(folder: &TempDir, options: &[&str]) -> Self {
        let data = folder.path().to_str().expect("a plain path");
        Self::launch(&[&["--data", data], options].concat(), &[])
    }

    /// Starts it with these options and environment variables only, and returns when it is ready. Its grace period is
    /// 8 s unless an option sets it: tests of faults are short, and each stage's part is enough for a busy machine.
    pub(crate) fn launch(options: &[&str], environment: &[(&str, &str)]) -> Self {
        let report = NamedTempFile::new().expect("a temporary file");
        let mut command = Command::new(program());
        command.args(["--listen", "127.0.0.1:0"]).args(options);
        if !options.contains(&"--grace") {
            command.args(["--grace", "8s"]);
        }
        command.env_clear().env("EBBTIDE_REPORT", report.path()).envs(environment.iter().copied());
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the example `demo` starts");
        let lines = read_lines(&mut child);
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut demo = Self { child, lines, said: Vec::new(), address, report };
        let listening = demo.wait_for("listening on http://");
        let (_, address) = listening.split_once("http://").expect("an address in the log line");
        demo.address = address.trim().parse().expect("an address");
        demo.wait_for("phase=ready");
        demo
    }

    /// Waits for a line that contains this text, and returns it.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(error) => {
                    panic!("no line contains `{text}` ({error}); output:\n{}", self.said.join("\n"))
                }
            }
        }
    }

    /// Returns whether a line up to now contains this text.
    pub(crate) fn has_said(&self, text: &str) -> bool {
        self.said.iter().any(|line| line.contains(text))
    }

    /// Waits until this many orders are done.
    pub(crate) fn wait_until_done(&self, orders: u64) {
        let done = || get(self.address, "/orders").expect("answered").json()["done"] == orders;
        until(done, "the orders are not done");
    }

    /// Waits until a worker processes an order.
    pub(crate) fn wait_until_begun(&self, id: &str) {
        let order = || get(self.address, &format!("/orders/{id}")).expect("answered").json();
        until(|| order()["state"] != "stored" && order()["state"] != "queued", "nobody takes the order up");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("sending the signal");
    }

    /// Sends SIGTERM and waits until the service is no longer ready.
    pub(crate) fn terminate(&mut self) {
        self.signal(Signal::TERM);
        self.wait_for("SIGTERM received");
        self.wait_for("phase=");
    }

    /// Waits until the process has exited.
    pub(crate) fn ended(mut self) -> Ended {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("service has not exited; output:\n{}", self.said.join("\n"))
                }
            }
        }
        let code = self.child.wait().expect("waiting for the child").code();
        // A process that bypasses its lifecycle writes none.
        let report = std::fs::read(self.report.path()).unwrap_or_default();
        Ended { code, said: std::mem::take(&mut self.said), undrained: undrained(&report) }
    }

    /// Sends SIGTERM and waits until the process has exited.
    pub(crate) fn stopped(self) -> Ended {
        self.signal(Signal::TERM);
        self.ended()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Fails when it has exited, which is intended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn until(mut is_so: impl FnMut() -> bool, otherwise: &str) {
    const PAUSE: Duration = Duration::from_millis(5);
    let looks = PATIENCE.as_millis() / PAUSE.as_millis();
    for _ in 0..looks {
        if is_so() {
            return;
        }
        sleep(PAUSE);
    }
    panic!("{otherwise}");
}

/// Returns the last line of the log file.
pub(crate) fn last_line(folder: &TempDir) -> String {
    let log = std::fs::read_to_string(folder.path().join("demo.log")).expect("a log");
    log.lines().last().unwrap_or_default().to_owned()
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn undrained(report: &[u8]) -> Vec<(String, String)> {
    // A process that is killed, or bypasses its lifecycle, writes none.
    let report: Value = serde_json::from_slice(report).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or("running").to_owned();
    let component = |one: &Value| (text(&one["name"]), text(&one["outcome"]["kind"]));
    let components = report["components"].as_array().into_iter().flatten().map(component);
    components.filter(|(_, outcome)| outcome != "drained").collect()
}

/// The example is built along with the tests, two folders up from this test's own program.
pub(crate) fn program() -> PathBuf {
    let tests = std::env::current_exe().expect("path of the test program");
    let program = tests.parent().and_then(Path::parent).map(|target| target.join("examples/demo"));
    // With the features of `cargo test --workspace --all-features`, so that no dependency is compiled again.
    program
        .filter(|path| path.exists())
        .expect("run `cargo build --workspace --all-features --examples` first")
}

fn read_lines(child: &mut Child) -> Receiver<String> {
    let (sender, lines) = channel();
    let stderr = child.stderr.take().expect("a pipe");
    std::thread::Builder::new()
        .name("reader".to_owned())
        .spawn(move || {
            // Ends with the process. The service keeps running when the test has dropped the receiver.
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        })
        .expect("a thread");
    lines
}

//! Child processes, including servers: their output and their exit.
#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "a broken harness fails its test, and a failed test tells what it saw"
)]

use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::service;

/// A child process whose output is read as it arrives. Killed on drop.
#[derive(Debug)]
pub struct Process {
    child: Child,
    output: Arc<Output>,
    began: Instant,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit status.
    pub status: ExitStatus,
    /// The output of both streams in the order of arrival.
    pub output: String,
    /// The time from the call of `ended` to the exit.
    pub after: Duration,
}

#[derive(Debug, Default)]
struct Output {
    text: Mutex<(String, usize)>,
    more: Condvar,
}

/// The time after the first signal in which a lifecycle ignores another one as a duplicate.
const SIGNAL_GUARD: Duration = Duration::from_millis(300);

impl Process {
    /// Returns the time since the start.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// Starts a command with both output streams captured.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        // A debug build takes longer to print a backtrace than some of these shutdowns may take in total.
        command.env("RUST_BACKTRACE", "0").stdout(Stdio::piped()).stderr(Stdio::piped());
        let began = now();
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("starting {command:?} failed: {error}"));
        let output = Arc::new(Output::default());
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let streams: [Option<Box<dyn Read + Send>>; 2] =
            [out.map(|out| Box::new(out) as _), err.map(|err| Box::new(err) as _)];
        for stream in streams.into_iter().flatten() {
            let output = Arc::clone(&output);
            output.text.lock().unwrap_or_else(PoisonError::into_inner).1 += 1;
            thread::Builder::new()
                .name("output".to_owned())
                .spawn(move || output.read(stream))
                .unwrap_or_else(|error| panic!("spawning a thread failed: {error}"));
        }
        Self { child, output, began }
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, unless the process has exited.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Sends a second signal, which ends a lifecycle at once, after the guard time of the first signal, which must have been logged.
    pub fn second_signal(&self, signal: Signal) {
        thread::sleep(SIGNAL_GUARD);
        self.signal(signal);
    }

    /// Stops all threads until SIGCONT. Returns when they have stopped or the process has exited.
    ///
    /// # Panics
    ///
    /// When waiting for the process fails.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else { return };
        let seen = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        if let Err(error) = waitid(WaitId::Pid(pid), seen) {
            panic!("waitid: {error}");
        }
    }

    /// Waits until the output contains `text`.
    ///
    /// # Panics
    ///
    /// When that takes longer than a minute, or the process exits before.
    pub fn says(&self, text: &str) {
        self.says_times(text, 1);
    }

    /// Waits until the output contains `text` that many times.
    ///
    /// # Panics
    ///
    /// As [`says`](Self::says).
    pub fn says_times(&self, text: &str, times: usize) {
        let limit = now() + Duration::from_secs(60);
        let mut output = self.output.text.lock().unwrap_or_else(PoisonError::into_inner);
        while output.0.matches(text).count() < times {
            let left = limit.saturating_duration_since(now());
            assert!(
                !left.is_zero() && output.1 > 0,
                "it does not say {text:?} {times} times but:\n{}",
                output.0
            );
            let wait = self.output.more.wait_timeout(output, left);
            output = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until the output contains `text`, and returns the rest of its line.
    ///
    /// # Panics
    ///
    /// As [`says`](Self::says).
    pub fn says_after(&self, text: &str) -> String {
        self.says(text);
        let output = self.output.text.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = output.0.split_once(text).and_then(|(_, rest)| rest.lines().next());
        rest.unwrap_or_default().trim().to_owned()
    }

    /// Returns the output so far.
    pub fn output(&self) -> String {
        self.output.text.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Writes a line to the standard input, which must be a pipe.
    ///
    /// # Panics
    ///
    /// When the process does not read any more.
    pub fn tell(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().unwrap_or_else(|| panic!("standard input is not a pipe"));
        writeln!(input, "{line}").unwrap_or_else(|error| panic!("writing to standard input failed: {error}"));
    }

    /// Waits until the process has exited; `None` if `limit` passes first.
    pub fn ended(&mut self, limit: Duration) -> Option<Ended> {
        let begun = now();
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if begun.elapsed() >= limit => return None,
                Ok(None) => thread::sleep(Duration::from_millis(1)),
                Err(error) => panic!("waitpid: {error}"),
            }
        };
        let after = begun.elapsed();
        // A grandchild may keep the pipes open, so this wait has a separate limit.
        let limit = now() + Duration::from_secs(2);
        let mut output = self.output.text.lock().unwrap_or_else(PoisonError::into_inner);
        while output.1 > 0 && now() < limit {
            let wait = self.output.more.wait_timeout(output, limit.saturating_duration_since(now()));
            output = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(Ended { status, output: output.0.clone(), after })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            println!("output of process {}:\n{}", self.child.id(), self.output());
        }
    }
}

impl Ended {
    /// Asserts the exit code.
    ///
    /// # Panics
    ///
    /// When the code differs, or a signal ended the process.
    pub fn code(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "{:?}; output:\n{}", self.status, self.output);
        self
    }

    /// Asserts that this signal ended the process.
    ///
    /// # Panics
    ///
    /// When the process exited by itself, or another signal ended it.
    pub fn by_signal(&self, signal: Signal) -> &Self {
        let number = Some(signal.as_raw());
        assert_eq!(self.status.signal(), number, "{:?}; output:\n{}", self.status, self.output);
        self
    }

    /// Asserts that the output contains `text`.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn said(&self, text: &str) -> &Self {
        assert!(self.output.contains(text), "output does not contain {text:?}:\n{}", self.output);
        self
    }

    /// Asserts that the output does not contain `text`.
    ///
    /// # Panics
    ///
    /// When it does.
    pub fn never_said(&self, text: &str) -> &Self {
        assert!(!self.output.contains(text), "output contains {text:?}:\n{}", self.output);
        self
    }

    /// Asserts that the process exited within `limit` from the call of [`Process::ended`].
    ///
    /// # Panics
    ///
    /// When it took longer.
    pub fn within(&self, limit: Duration) -> &Self {
        assert!(self.after <= limit, "exit took {:?}, more than {limit:?}:\n{}", self.after, self.output);
        self
    }
}

impl Output {
    fn read(&self, stream: impl Read) {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let mut output = self.text.lock().unwrap_or_else(PoisonError::into_inner);
            output.0.push_str(&String::from_utf8_lossy(&line));
            line.clear();
            drop(output);
            self.more.notify_all();
        }
        self.text.lock().unwrap_or_else(PoisonError::into_inner).1 -= 1;
        self.more.notify_all();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test waits in real time for real processes")]
fn now() -> Instant {
    Instant::now()
}

/// A server in a separate process that has printed its address.
#[derive(Debug)]
pub struct Served {
    /// The process.
    pub process: Process,
    /// Its address.
    pub addr: SocketAddr,
}

impl Served {
    /// Starts a server that prints `listening on ADDRESS`.
    ///
    /// # Panics
    ///
    /// When it does not print its address.
    pub fn start(command: &mut Command) -> Self {
        let process = Process::start(command);
        let addr = process.says_after("listening on ");
        let addr = addr.parse().unwrap_or_else(|error| panic!("invalid address {addr:?}: {error}"));
        Self { process, addr }
    }

    /// Starts the service `shapes` with its arguments, a grace period and a lame duck, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not become ready.
    pub fn shapes(args: &[&str], grace: &str, lame_duck: &str) -> Self {
        let mut command = service("shapes");
        command.args(args).env("EBBTIDE_GRACE", grace).env("EBBTIDE_LAME_DUCK", lame_duck);
        let served = Self::start(&mut command);
        served.process.says("phase=ready");
        served
    }

    /// Starts the service `peer_axum`, a plain axum server.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn peer() -> Self {
        Self::start(service("peer_axum").args(["--listen", "127.0.0.1:0"]))
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Waits until the server has exited, without blocking the other tasks of the test.
    ///
    /// # Panics
    ///
    /// When that takes longer than `limit`.
    pub async fn ended(&mut self, limit: Duration) -> Ended {
        let ended = self.ended_or_not(limit).await;
        ended.unwrap_or_else(|| panic!("server has not exited after {limit:?}:\n{}", self.process.output()))
    }

    /// Waits until it has ended, or returns `None` when `limit` has passed.
    pub async fn ended_or_not(&mut self, limit: Duration) -> Option<Ended> {
        tokio::task::block_in_place(|| self.process.ended(limit))
    }
}

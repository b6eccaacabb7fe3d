//! The compared servers, and a server in a separate process.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{self, Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{env, fs};

use clap::{Args, ValueEnum};
use rustix::process::{Pid, Signal, kill_process};

/// A server in a separate process. Dropping it kills the process.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    address: SocketAddr,
}

impl Child {
    /// Starts this program with `serve SIDE` and waits until it listens.
    ///
    /// # Errors
    ///
    /// When it does not start, or exits before it prints its address.
    pub fn start(side: Side, args: ServerArgs) -> io::Result<Self> {
        Self::start_under(None, side, args)
    }

    /// The same under a tool with arguments, such as one that counts instructions.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_under(tool: Option<&[&str]>, side: Side, args: ServerArgs) -> io::Result<Self> {
        let own = env::current_exe()?;
        let mut command = match tool {
            Some([program, arguments @ ..]) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(own);
                command
            }
            _ => Command::new(own),
        };
        command
            .args(["serve", side.name()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(core) = args.core {
            command.args(["--core", &core.to_string()]);
        }
        if let Some(workers) = args.workers {
            command.args(["--workers", &workers.to_string()]);
        }
        if args.http2 {
            command.arg("--http2");
        }
        let mut process = command.spawn()?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let Ok(address) = line.trim().parse() else {
            process.kill()?;
            let status = process.wait()?;
            return Err(io::Error::other(format!("{} exited before it listened: {status}", side.name())));
        };
        Ok(Self { process, address })
    }

    /// Returns the address it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns the CPU time of its threads. Threads that have ended do not count.
    ///
    /// # Errors
    ///
    /// When `/proc` has no scheduler statistics.
    pub fn on_core(&self) -> io::Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            nanos += text.split(' ').next().and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Returns the peak of its resident memory, in bytes.
    ///
    /// # Errors
    ///
    /// When `/proc` does not report it.
    pub fn peak_memory(&self) -> io::Result<u64> {
        self.status_octets("VmHWM")
    }

    /// Returns its resident memory, in bytes.
    ///
    /// # Errors
    ///
    /// When `/proc` does not report it.
    pub fn memory(&self) -> io::Result<u64> {
        self.status_octets("VmRSS")
    }

    fn status_octets(&self, field: &str) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other(format!("no {field} in /proc/PID/status")))
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    ///
    /// When the process has already exited.
    pub fn terminate(&self) -> io::Result<()> {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("invalid process id"))?;
        Ok(kill_process(pid, Signal::TERM)?)
    }

    /// Waits until it has exited.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.process.wait()
    }

    /// Returns its exit status if it has exited.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _status = self.process.wait();
    }
}

/// The compared servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum Side {
    /// `ebbtide::http` under a lifecycle.
    Ebbtide,
    /// `axum::serve` with `with_graceful_shutdown`.
    Axum,
    /// hyper-util's connections with its `GracefulShutdown`.
    Hyper,
    /// `axum_server` with a handle's `graceful_shutdown`.
    AxumServer,
    /// `actix_web::HttpServer`, which handles the signal itself.
    Actix,
}

impl Side {
    /// All servers, in the order in which they are printed.
    pub const ALL: [Self; 5] = [Self::Ebbtide, Self::Axum, Self::Hyper, Self::AxumServer, Self::Actix];

    /// Ebbtide and its main peer.
    pub const BOTH: [Self; 2] = [Self::Ebbtide, Self::Axum];

    /// Returns the name on the command line and in the tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ebbtide => "ebbtide",
            Self::Axum => "axum",
            Self::Hyper => "hyper",
            Self::AxumServer => "axum-server",
            Self::Actix => "actix",
        }
    }

    /// Returns all servers, starting with a different one in each round, so that none always follows the same one.
    pub fn in_round(round: u32) -> [Self; 5] {
        let mut sides = Self::ALL;
        sides.rotate_left(round as usize % Self::ALL.len());
        sides
    }
}

/// The settings of a compared server.
#[derive(Debug, Clone, Copy, Args)]
pub struct ServerArgs {
    /// Pin the server to this core (default: all cores).
    #[arg(long)]
    pub core: Option<usize>,

    /// Number of worker threads (default: the server's default).
    #[arg(long)]
    pub workers: Option<usize>,

    /// Also accept HTTP/2 with prior knowledge, where that is not the default.
    #[arg(long)]
    pub http2: bool,
}

impl ServerArgs {
    /// The defaults of each server.
    pub const DEFAULT: Self = Self { core: None, workers: None, http2: false };

    /// One core and one worker thread.
    pub const fn on_core(core: usize) -> Self {
        Self { core: Some(core), workers: Some(1), ..Self::DEFAULT }
    }
}

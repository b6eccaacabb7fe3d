//! Who serves, and a service in a process of its own.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{self, Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{env, fs};

use clap::{Args, ValueEnum};
use rustix::process::{Pid, Signal, kill_process};

/// A service in a process of its own, killed when this is dropped.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    address: SocketAddr,
}

impl Child {
    /// Starts this very program with `serve SIDE` and waits until it listens.
    ///
    /// # Errors
    ///
    /// When it does not start, or ends without saying where it listens.
    pub fn start(side: Side, args: ServerArgs) -> io::Result<Self> {
        Self::start_under(None, side, args)
    }

    /// The same, under another program, such as one that counts instructions, with its arguments.
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
            return Err(io::Error::other(format!("{} did not say where it listens: {status}", side.name())));
        };
        Ok(Self { process, address })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The time that its threads were on a core so far. One that has ended no longer counts.
    ///
    /// # Errors
    ///
    /// Where `/proc` has no scheduler statistics.
    pub fn on_core(&self) -> io::Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            nanos += text.split(' ').next().and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// The most memory that was resident at once so far, in octets.
    ///
    /// # Errors
    ///
    /// Where `/proc` does not say.
    pub fn peak_memory(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other("no VmHWM in /proc/PID/status"))
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    ///
    /// When the process is gone already.
    pub fn terminate(&self) -> io::Result<()> {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("no such process id"))?;
        Ok(kill_process(pid, Signal::TERM)?)
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.process.wait()
    }

    /// Tells whether it has ended, and how.
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

/// Who serves.
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
    /// `actix_web::HttpServer`, which takes the signal itself.
    Actix,
}

impl Side {
    /// All, in the order in which they are printed.
    pub const ALL: [Self; 5] = [Self::Ebbtide, Self::Axum, Self::Hyper, Self::AxumServer, Self::Actix];

    /// Ours and the one that is compared with most.
    pub const BOTH: [Self; 2] = [Self::Ebbtide, Self::Axum];

    /// The name on the command line and in the tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ebbtide => "ebbtide",
            Self::Axum => "axum",
            Self::Hyper => "hyper",
            Self::AxumServer => "axum-server",
            Self::Actix => "actix",
        }
    }

    /// All, beginning with another one in each round: nobody always comes after the same one.
    pub fn in_round(round: u32) -> [Self; 5] {
        let mut sides = Self::ALL;
        sides.rotate_left(round as usize % Self::ALL.len());
        sides
    }
}

/// What a server is given when the program is one of those that it compares.
#[derive(Debug, Clone, Copy, Args)]
pub struct ServerArgs {
    /// Its only core; else it may use all.
    #[arg(long)]
    pub core: Option<usize>,

    /// How many worker threads it gets; else its own default.
    #[arg(long)]
    pub workers: Option<usize>,

    /// Speak HTTP/2 with prior knowledge as well, where that has to be asked for.
    #[arg(long)]
    pub http2: bool,
}

impl ServerArgs {
    /// Nothing but its own defaults.
    pub const DEFAULT: Self = Self { core: None, workers: None, http2: false };

    /// One core, and one worker thread for it.
    pub const fn on_core(core: usize) -> Self {
        Self { core: Some(core), workers: Some(1), ..Self::DEFAULT }
    }
}

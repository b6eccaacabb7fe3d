//! Brokers for one test, which can be killed and restarted with their data.
#![expect(clippy::panic, reason = "a broken harness fails its test")]

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use ebbtide_demo::queue::{QueueKind, QueuePlace};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{Process, free_port};

/// A broker that only one test uses, on a free port and with its data in a temporary folder. Removed on drop.
///
/// Confirmed jobs survive SIGKILL, as the documentation of the broker promises: Redis writes an append-only file, and NATS a store.
#[derive(Debug)]
pub struct Broker {
    kind: QueueKind,
    port: u16,
    /// The process that it needs, killed on drop.
    beside: Option<Process>,
    server: Option<Process>,
    /// Removed after the processes have ended, since `Drop` of the whole runs before that of its parts.
    folder: TempDir,
}

/// RabbitMQ takes five to ten seconds to start, and minutes on a loaded machine.
const START: Duration = Duration::from_secs(240);

impl Broker {
    /// Starts a broker and returns when it accepts commands.
    ///
    /// # Panics
    ///
    /// When it does not become ready.
    pub fn start(kind: QueueKind) -> Self {
        let prefix = format!("ebbtide-{}-", kind.name());
        let folder = TempDir::with_prefix(prefix)
            .unwrap_or_else(|error| panic!("creating a temporary folder failed: {error}"));
        let mut broker = Self { kind, port: free_port(), beside: None, server: None, folder };
        broker.start_again();
        broker
    }

    /// Starts the broker again with its data and returns when it is ready.
    ///
    /// # Panics
    ///
    /// When it does not become ready.
    pub fn start_again(&mut self) {
        let server = launch(self.kind, self.folder.path(), self.port, &mut self.beside);
        self.server = Some(server);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("creating the runtime failed: {error}"));
        runtime.block_on(self.serves());
    }

    /// Kills the broker at an arbitrary point and returns when it has exited. PostgreSQL, which has several processes, gets an "immediate"
    /// shutdown; the others get SIGKILL.
    ///
    /// # Panics
    ///
    /// When it does not exit.
    pub fn kill(&mut self) {
        let signal = if self.kind == QueueKind::Postgres { Signal::QUIT } else { Signal::KILL };
        if let Some(mut server) = self.server.take() {
            server.signal(signal);
            assert!(
                server.ended(Duration::from_secs(20)).is_some(),
                "{} outlives {signal:?}",
                self.kind.name()
            );
        }
    }

    /// Stops the broker gracefully, starts it again, and returns when it is ready.
    ///
    /// # Panics
    ///
    /// When it does not stop or does not become ready.
    pub fn restart(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.signal(Signal::TERM);
            let ended = server.ended(Duration::from_secs(60));
            assert!(
                ended.is_some(),
                "{} has not exited after SIGTERM: {}",
                self.kind.name(),
                server.output()
            );
        }
        self.start_again();
    }

    /// Returns the kind of the broker.
    pub const fn kind(&self) -> QueueKind {
        self.kind
    }

    /// Returns its address.
    pub fn url(&self) -> String {
        url(self.kind, self.port)
    }

    /// Waits until a queue can be opened.
    async fn serves(&mut self) {
        let (name, lease) = ("ebbtide_ready".to_owned(), Duration::from_secs(1));
        let place = QueuePlace { kind: self.kind, url: self.url(), name, lease };
        let end = now() + START;
        loop {
            let error = match tokio::time::timeout(Duration::from_secs(5), place.open()).await {
                Ok(Ok(queue)) => {
                    let _closed = queue.disconnect().await;
                    return;
                }
                Ok(Err(error)) => error.to_string(),
                Err(elapsed) => elapsed.to_string(),
            };
            let server = self.server.as_mut();
            let ended = server.and_then(|server| server.ended(Duration::ZERO));
            assert!(ended.is_none(), "{} ended: {ended:?}", self.kind.name());
            assert!(now() < end, "{} is not ready within {START:?}: {error}", self.kind.name());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let signal = if self.kind == QueueKind::Postgres { Signal::QUIT } else { Signal::KILL };
            server.signal(signal);
            // Processes that remain are killed with `server`.
            let _ended = server.ended(Duration::from_secs(20));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test waits in real time for real processes")]
fn now() -> Instant {
    Instant::now()
}

/// Starts a server with its data in a folder, and returns before it is ready.
fn launch(kind: QueueKind, folder: &Path, port: u16, beside: &mut Option<Process>) -> Process {
    match kind {
        QueueKind::Sqlite => panic!("SQLite has no server to kill"),
        QueueKind::Postgres => postgres(folder, port),
        QueueKind::Redis => redis(folder, port),
        QueueKind::Rabbitmq => rabbitmq(folder, port, beside),
        QueueKind::Nats => nats(folder, port),
        QueueKind::Sqs => panic!("the SQS emulator keeps no data across a restart"),
    }
}

fn url(kind: QueueKind, port: u16) -> String {
    match kind {
        QueueKind::Sqlite => String::new(),
        QueueKind::Postgres => format!("postgres://postgres@127.0.0.1:{port}/postgres"),
        QueueKind::Redis => format!("redis://127.0.0.1:{port}"),
        QueueKind::Rabbitmq => format!("amqp://guest:guest@127.0.0.1:{port}/%2f"),
        QueueKind::Nats => format!("nats://127.0.0.1:{port}"),
        QueueKind::Sqs => format!("http://127.0.0.1:{port}"),
    }
}

fn redis(folder: &Path, port: u16) -> Process {
    let account = Account::of("redis");
    account.give(folder);
    let mut redis = account.command("redis-server", "KILL");
    redis.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"]).arg(folder);
    redis.args(["--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
    Process::start(&mut redis)
}

fn nats(folder: &Path, port: u16) -> Process {
    let account = Account::of("nats");
    account.give(folder);
    let mut nats = account.command("nats-server", "KILL");
    nats.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]);
    Process::start(nats.arg(folder.join("streams")))
}

/// The folder in which Debian installs the programs of each version; it is not on the `PATH`.
const POSTGRES: &str = "/usr/lib/postgresql";

/// Starts a server with its data in the folder, after creating a cluster in it if there is none.
fn postgres(folder: &Path, port: u16) -> Process {
    let (programs, data) = (postgres_programs(), folder.join("data"));
    let account = Account::of("postgres");
    if !data.exists() {
        account.give(folder);
        let mut initdb = account.command(programs.join("initdb"), "KILL");
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        let made = initdb.arg("-D").arg(&data).current_dir(folder).stdout(Stdio::null()).status();
        assert!(made.is_ok_and(|made| made.success()), "initdb failed");
    }
    let mut postgres = account.command(programs.join("postgres"), "QUIT");
    postgres.arg("-D").arg(&data).args(["-p", &port.to_string()]).current_dir(folder);
    // Only the process is killed, not the machine: written data survives without a flush to the disk.
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"] {
        postgres.args(["-c", setting]);
    }
    Process::start(&mut postgres)
}

/// Returns the folder with the programs of the newest version.
fn postgres_programs() -> PathBuf {
    let versions = fs::read_dir(POSTGRES).into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|version| {
            let number: u32 = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        })
        .max()
        .map(|(_, programs)| programs);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = newest.into_iter().chain(std::env::split_paths(&path));
    folders
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .unwrap_or_else(|| panic!("no initdb and postgres on the PATH or in {POSTGRES}: install PostgreSQL"))
}

/// Debian's program on the `PATH` is a wrapper that supports only the one node of the machine; this is the program that it wraps.
const RABBITMQ: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

const STEP: Duration = Duration::from_millis(10);

/// Starts a node that shares nothing with other nodes on this machine, and the port mapper that it needs if none runs.
///
/// Erlang would start the mapper by itself, as a daemon that keeps running. This one ends with the test.
fn rabbitmq(folder: &Path, port: u16, mapper: &mut Option<Process>) -> Process {
    let account = Account::of("rabbitmq");
    let ports = folder.join("ports");
    if mapper.is_none() {
        account.give(folder);
        let (mapping, distribution) = (free_port(), free_port());
        let written = fs::write(&ports, format!("{mapping} {distribution}"));
        written.unwrap_or_else(|error| panic!("{}: {error}", ports.display()));
        *mapper = Some(start_mapper(account, mapping));
    }
    let text = fs::read_to_string(&ports).unwrap_or_else(|error| panic!("{}: {error}", ports.display()));
    let (mapping, distribution) = text.split_once(' ').unwrap_or_default();

    let configuration = folder.join("rabbitmq.conf");
    let settings = format!("listeners.tcp.local = 127.0.0.1:{port}\nlog.console.level = warning\n");
    fs::write(&configuration, settings)
        .unwrap_or_else(|error| panic!("{}: {error}", configuration.display()));
    let program = if Path::new(RABBITMQ).is_file() { RABBITMQ } else { "rabbitmq-server" };
    let mut rabbitmq = account.command(program, "KILL");
    rabbitmq
        .current_dir(folder)
        .env("HOME", folder)
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_EPMD_PORT", mapping)
        .env("ERL_FLAGS", "-kernel inet_dist_use_interface {127,0,0,1}")
        .env("RABBITMQ_NODENAME", format!("ebbtide-{port}@localhost"))
        .env("RABBITMQ_DIST_PORT", distribution)
        .env("RABBITMQ_CONFIG_FILE", &configuration)
        .env("RABBITMQ_LOGS", "-")
        // With this variable the script replaces itself by the server, so that SIGKILL reaches the server.
        .env("RUNNING_UNDER_SYSTEMD", "true");
    for (variable, file) in [
        ("RABBITMQ_CONF_ENV_FILE", "environment"),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", "plugins"),
        ("RABBITMQ_LOG_BASE", "logs"),
        ("RABBITMQ_MNESIA_BASE", "data"),
        ("RABBITMQ_PID_FILE", "pid"),
    ] {
        rabbitmq.env(variable, folder.join(file));
    }
    Process::start(&mut rabbitmq)
}

/// Returns when the mapper listens: a node that finds no mapper starts one, which keeps running.
fn start_mapper(account: Account, port: u16) -> Process {
    let mut epmd = account.command("epmd", "KILL");
    let mapper = Process::start(epmd.args(["-address", "127.0.0.1", "-port", &port.to_string()]));
    for _ in 0..500 {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return mapper;
        }
        thread::sleep(STEP);
    }
    panic!("Erlang's port mapper is not listening: {}", mapper.output());
}

/// The user that runs a server: PostgreSQL and RabbitMQ refuse to run as root.
#[derive(Clone, Copy, Debug)]
struct Account(Option<&'static str>);

impl Account {
    /// Returns the user of the package if this process runs as root, otherwise the present user.
    fn of(package: &'static str) -> Self {
        Self(rustix::process::geteuid().is_root().then_some(package))
    }

    /// Changes the owner of a folder to this user.
    fn give(self, folder: &Path) {
        if let Some(user) = self.0 {
            let given = Command::new("chown").arg(user).arg(folder).status();
            assert!(given.is_ok_and(|given| given.success()), "chown {user} {} failed", folder.display());
        }
    }

    /// Returns a command that runs a program as this user. The kernel sends the program the given signal when the thread that
    /// started it ends, so that a killed test leaves no process behind.
    fn command(self, program: impl AsRef<Path>, at_our_end: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", at_our_end]);
        if let Some(user) = self.0 {
            command.args([&*format!("--reuid={user}"), "--clear-groups"]);
        }
        command.arg("--").arg(program.as_ref());
        command
    }
}

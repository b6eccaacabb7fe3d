use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::failure::Failure;
use crate::test::servers::account::Account;
use crate::test::servers::port::free_port;
use crate::test::servers::process::{Ending, Process};
use crate::test::tools;

/// Debian's program on the `PATH` is a wrapper that knows one node only, the machine's own; this is what it wraps.
const DEBIAN: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

const EPMD_PATIENCE: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(10);

/// Starts a node that shares nothing with others on this machine, and the port mapper that it needs.
///
/// Erlang would start the mapper by itself, as a daemon that stays behind: one of our own, in the foreground, ends with us.
///
/// # Errors
///
/// When RabbitMQ cannot be installed, or does not run here.
pub(super) fn launch(folder: &Path, port: u16) -> Result<Vec<Process>, Failure> {
    let server = find_or_install()?;
    let account = Account::of("rabbitmq");
    account.give(folder)?;
    let mapper = free_port()?;
    let epmd = start_mapper(folder, &account, mapper)?;

    let configuration = folder.join("rabbitmq.conf");
    let settings = format!("listeners.tcp.local = 127.0.0.1:{port}\nlog.console.level = warning\n");
    fs::write(&configuration, settings).map_err(Failure::io("write RabbitMQ's configuration"))?;
    let mut rabbitmq = Process::command(&server, &account, Ending::Terminate);
    rabbitmq
        .env("HOME", folder)
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_EPMD_PORT", mapper.to_string())
        .env("ERL_FLAGS", "-kernel inet_dist_use_interface {127,0,0,1}")
        .env("RABBITMQ_NODENAME", format!("ebbtide-{port}@localhost"))
        .env("RABBITMQ_DIST_PORT", free_port()?.to_string())
        .env("RABBITMQ_CONFIG_FILE", &configuration)
        .env("RABBITMQ_LOGS", "-")
        // With this the script becomes the server, which takes the signals itself.
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
    Ok(vec![epmd, Process::start(&mut rabbitmq, folder, Ending::Terminate)?])
}

/// Returns when it listens: a node that finds none starts one, and that one stays.
fn start_mapper(folder: &Path, account: &Account, port: u16) -> Result<Process, Failure> {
    let program = tools::find_or_install("epmd", "erlang-base")?;
    let mut epmd = Process::command(&program, account, Ending::Terminate);
    epmd.args(["-address", "127.0.0.1", "-port", &port.to_string()]);
    let mapper = Process::start(&mut epmd, folder, Ending::Terminate)?;
    for _ in 0..EPMD_PATIENCE.as_millis() / STEP.as_millis() {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(mapper);
        }
        thread::sleep(STEP);
    }
    let said = fs::read_to_string(folder.join("log")).unwrap_or_default();
    Err(Failure::Server { name: "Erlang's port mapper", said })
}

fn find_or_install() -> Result<PathBuf, Failure> {
    let wrapper = tools::find_or_install("rabbitmq-server", "rabbitmq-server")?;
    let wrapped = PathBuf::from(DEBIAN);
    Ok(if wrapped.is_file() { wrapped } else { wrapper })
}

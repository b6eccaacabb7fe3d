#![expect(clippy::panic, reason = "a broken harness fails its test")]

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::account::Account;
use crate::{Process, free_port};

/// Debian's program on the `PATH` is a wrapper that knows one node only, the machine's own; this is what it wraps.
const DEBIAN: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

const STEP: Duration = Duration::from_millis(10);

/// Starts a node that shares nothing with others on this machine, and where it is missing the port mapper that it needs.
///
/// Erlang would start the mapper by itself, as a daemon that stays behind: one of our own ends with us.
pub(super) fn launch(folder: &Path, port: u16, mapper: &mut Option<Process>) -> Process {
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
    let program = if Path::new(DEBIAN).is_file() { DEBIAN } else { "rabbitmq-server" };
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
        // With this the script becomes the server, so that it is the server that is killed.
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

/// Returns when it listens: a node that finds none starts one, and that one stays.
fn start_mapper(account: Account, port: u16) -> Process {
    let mut epmd = account.command("epmd", "KILL");
    let mapper = Process::start(epmd.args(["-address", "127.0.0.1", "-port", &port.to_string()]));
    for _ in 0..500 {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return mapper;
        }
        thread::sleep(STEP);
    }
    panic!("Erlang's port mapper does not listen: {}", mapper.output());
}

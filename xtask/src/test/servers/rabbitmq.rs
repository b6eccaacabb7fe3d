use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::kind::{ServerKind, greet};
use super::own::free_port;
use super::process::{Account, Ending, Process};
use crate::failure::Failure;
use crate::test::tools;

pub(super) const KIND: ServerKind = ServerKind {
    name: "RabbitMQ",
    variable: "EBBTIDE_TEST_RABBITMQ",
    local_port: 5672,
    url: |port| format!("amqp://guest:guest@127.0.0.1:{port}/%2f"),
    answers,
    launch,
};

/// The program behind Debian's wrapper on the `PATH`. The wrapper supports only one node, the machine's default.
const DEBIAN: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

const EPMD_TIMEOUT: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(10);

/// The methods of AMQP 0-9-1 (section 1.4) that open a connection: class and method number.
const START: Method = [0, 10, 0, 10];
const START_OK: Method = [0, 10, 0, 11];
const TUNE: Method = [0, 10, 0, 30];
const TUNE_OK: Method = [0, 10, 0, 31];
const OPEN: Method = [0, 10, 0, 40];
const OPEN_OK: Method = [0, 10, 0, 41];
const CLOSE: Method = [0, 10, 0, 50];
const CLOSE_OK: Method = [0, 10, 0, 51];

type Method = [u8; 4];

/// Longer than any of these methods. A longer frame means another protocol.
const LONGEST: usize = 1 << 16;

/// Starts a node that shares nothing with others on this machine, and the port mapper (epmd) that it needs.
///
/// Erlang would start epmd as a daemon that outlives the node. One started here, in the foreground, ends with xtask.
///
/// # Errors
///
/// When RabbitMQ cannot be installed or started.
fn launch(folder: &Path, port: u16) -> Result<Vec<Process>, Failure> {
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
        // With this variable the script replaces itself by the server, which then takes the signals itself.
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

/// Starts the port mapper and returns when it listens. A node that finds no mapper starts one that outlives it.
fn start_mapper(folder: &Path, account: &Account, port: u16) -> Result<Process, Failure> {
    let program = tools::find_or_install("epmd", "erlang-base")?;
    let mut epmd = Process::command(&program, account, Ending::Terminate);
    epmd.args(["-address", "127.0.0.1", "-port", &port.to_string()]);
    let mapper = Process::start(&mut epmd, folder, Ending::Terminate)?;
    for _ in 0..EPMD_TIMEOUT.as_millis() / STEP.as_millis() {
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

/// Returns whether a RabbitMQ accepts `guest` on its virtual host `/`.
fn answers(port: u16) -> bool {
    shake_hands(port).is_ok()
}

fn shake_hands(port: u16) -> io::Result<()> {
    let mut stream = greet(port)?;
    stream.write_all(b"AMQP\x00\x00\x09\x01")?;
    expect(&mut stream, START)?;
    // No properties, then mechanism, response and locale, each preceded by its length.
    send(&mut stream, START_OK, b"\x00\x00\x00\x00\x05PLAIN\x00\x00\x00\x0c\x00guest\x00guest\x05en_US")?;
    let limits = expect(&mut stream, TUNE)?;
    send(&mut stream, TUNE_OK, &limits)?;
    send(&mut stream, OPEN, b"\x01/\x00\x00")?;
    expect(&mut stream, OPEN_OK)?;
    // An orderly close keeps the server's log clean: reply code 200, empty text, no failing method.
    send(&mut stream, CLOSE, b"\x00\xc8\x00\x00\x00\x00\x00")?;
    expect(&mut stream, CLOSE_OK).map(drop)
}

/// Sends a method frame on channel 0: kind, channel, length, payload, end.
fn send(stream: &mut TcpStream, method: Method, arguments: &[u8]) -> io::Result<()> {
    let length = u32::try_from(method.len() + arguments.len()).map_err(io::Error::other)?;
    stream.write_all(&[&[1, 0, 0], &length.to_be_bytes()[..], &method, arguments, &[0xce]].concat())
}

/// Reads a frame and returns its method's arguments.
fn expect(stream: &mut TcpStream, method: Method) -> io::Result<Vec<u8>> {
    let mut head = [0; 7];
    stream.read_exact(&mut head)?;
    let [1, 0, 0, length @ ..] = head else { return Err(io::Error::other("unexpected protocol")) };
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
    if length > LONGEST {
        return Err(io::Error::other("unexpected protocol"));
    }
    let mut payload = vec![0; length + 1];
    stream.read_exact(&mut payload)?;
    match payload.strip_prefix(&method).and_then(|rest| rest.strip_suffix(&[0xce])) {
        Some(arguments) => Ok(arguments.to_vec()),
        None => Err(io::Error::other("refused")),
    }
}

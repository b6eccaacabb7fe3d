use std::io::{self, Read, Write};
use std::path::Path;

use super::kind::{ServerKind, greet};
use super::process::{Account, Ending, Process};
use crate::failure::Failure;
use crate::test::tools;

pub(super) const KIND: ServerKind = ServerKind {
    name: "Redis",
    variable: "EBBTIDE_TEST_REDIS",
    local_port: 6379,
    url: |port| format!("redis://127.0.0.1:{port}/"),
    answers,
    launch,
};

const PONG: &[u8; 7] = b"+PONG\r\n";

/// Starts a Redis without persistence.
///
/// # Errors
///
/// When Redis cannot be installed or started.
fn launch(folder: &Path, port: u16) -> Result<Vec<Process>, Failure> {
    let program = tools::find_or_install("redis-server", "redis-server")?;
    let account = Account::of("redis");
    account.give(folder)?;
    let mut redis = Process::command(&program, &account, Ending::Terminate);
    redis.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
    redis.args(["--save", "", "--appendonly", "no", "--daemonize", "no"]);
    Ok(vec![Process::start(&mut redis, folder, Ending::Terminate)?])
}

/// Returns whether a Redis accepts commands without a password.
fn answers(port: u16) -> bool {
    ask(port).is_ok_and(|answer| answer == *PONG)
}

fn ask(port: u16) -> io::Result<[u8; 7]> {
    let mut stream = greet(port)?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; PONG.len()];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

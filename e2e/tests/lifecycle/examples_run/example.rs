use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use ebbtide_e2e::{Client, Ended, Process, Served, example};
use rustix::process::Signal;

/// Longer than any of them takes to end.
const LONG: Duration = Duration::from_secs(30);

/// Puts a command into the surroundings that the tests of all examples have: a short shutdown, and a log without colours.
pub(super) fn surrounded(mut command: Command) -> Command {
    command.env("EBBTIDE_GRACE", "20s").env("EBBTIDE_LAME_DUCK", "0s").env("NO_COLOR", "1");
    command
}

/// Returns an example as a command.
pub(super) fn command(name: &str) -> Command {
    surrounded(example(name))
}

/// Starts an example, and waits until it is ready.
pub(super) fn start(name: &str, args: &[impl AsRef<OsStr>]) -> Process {
    let process = Process::start(command(name).args(args));
    process.says("phase=ready");
    process
}

/// Starts an example that serves on its first argument, and waits until it is ready.
pub(super) fn serve(name: &str, args: &[impl AsRef<OsStr>]) -> Served {
    let process = Process::start(command(name).arg("127.0.0.1:0").args(args));
    process.says("phase=ready");
    let addr = address(&process, "api");
    Served { process, addr }
}

/// Returns where a component of an example listens.
pub(super) fn address(process: &Process, component: &str) -> SocketAddr {
    let addr = process.says_after(&format!("component=\"{component}\" address="));
    addr.parse().expect("an address")
}

/// Asks for a path, and returns the body of the answer.
pub(super) async fn get(addr: SocketAddr, path: &str) -> String {
    request(addr, &format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"), 200).await
}

/// Posts a body, which is accepted.
pub(super) async fn post(addr: SocketAddr, path: &str, body: &str) {
    let head = format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len());
    request(addr, &(head + body), 202).await;
}

async fn request(addr: SocketAddr, request: &str, status: u16) -> String {
    let mut client = Client::connect(addr).await.expect("a connection");
    client.send(request.as_bytes()).await.expect("sent");
    let answer = client.answer().await.expect("an answer");
    assert!(answer.head.starts_with(&format!("http/1.1 {status} ")), "{}", answer.head);
    String::from_utf8(answer.body).expect("text")
}

/// Sends SIGTERM, and waits for the end of the lifecycle: in order, and because of the signal.
pub(super) fn stop(process: Process) -> Ended {
    let ended = exited(process);
    ended.said("cause=\"SIGTERM\" code=0");
    ended
}

/// Sends SIGTERM, and waits for the exit code 0.
pub(super) fn exited(mut process: Process) -> Ended {
    process.signal(Signal::TERM);
    let ended = process.ended(LONG).expect("it ends");
    ended.code(0);
    ended
}

//! How an example is started, asked and stopped; and that each has a test which does so.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ebbtide_http1::client::Client;
use ebbtide_tests::{Ended, Process, Served, example};
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
    let answer = client.response().await.expect("an answer");
    assert_eq!(answer.status, status, "{answer:?}");
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

// All of them.

const CRATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates");

/// The tests, which name the example that they start.
const TESTS: [&str; 2] = [include_str!("servers.rs"), include_str!("work.rs")];

/// Returns each example: its name, and the folder of its crate.
fn examples() -> Vec<(String, PathBuf)> {
    let crates = fs::read_dir(CRATES).expect("the crates").map(|entry| entry.expect("a folder").path());
    let of_crate = |folder: PathBuf| {
        let files = fs::read_dir(folder.join("examples")).into_iter().flatten();
        let name = |path: PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
        files
            .map(|entry| name(entry.expect("a file").path()))
            .map(move |name| (name, folder.clone()))
            .collect::<Vec<_>>()
    };
    crates.flat_map(of_crate).collect()
}

/// Returns whether a test of this folder starts the example, or its crate has it as a test of its own.
fn is_run(name: &str, folder: &Path) -> bool {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("the manifest");
    let is_test = manifest.contains(&format!("name = \"{name}\"\ntest = true\n"));
    is_test || TESTS.iter().any(|tests| tests.contains(&format!("(\"{name}\"")))
}

#[test]
fn every_example_is_run_by_a_test() {
    let examples = examples();
    assert!(examples.len() > 20, "{examples:?}");
    let not_run: Vec<_> = examples.iter().filter(|(name, folder)| !is_run(name, folder)).collect();
    assert!(not_run.is_empty(), "no test runs {not_run:?}");
    // The opposite: one that nobody has heard of.
    assert!(!is_run("unheard_of", &examples[0].1));
}

#[test]
fn each_example_says_how_to_run_it() {
    for (name, folder) in examples() {
        let files =
            [folder.join(format!("examples/{name}.rs")), folder.join(format!("examples/{name}/main.rs"))];
        let text = files.iter().find_map(|file| fs::read_to_string(file).ok()).expect("its text");
        let package = folder.file_name().expect("a name").to_string_lossy();
        let features =
            features(&name, &folder).map_or_else(String::new, |list| format!(" --features {list}"));
        let command = format!("-p {package}{features} --example {name}");
        assert!(text.contains(&command), "{name} does not say {command:?}");
    }
}

/// Returns the features that an example needs, as the command line takes them.
fn features(name: &str, folder: &Path) -> Option<String> {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("the manifest");
    let (_, entry) = manifest.split_once(&format!("[[example]]\nname = \"{name}\"\n"))?;
    let (_, list) = entry.split("\n\n").next()?.split_once("required-features = [")?;
    Some(list.trim_end_matches([']', '\n']).replace(['"', ' '], ""))
}

/// cargo puts the examples of all packages into one folder, where the last of a name replaces the others.
#[test]
fn no_two_examples_have_one_name() {
    let mut names: Vec<_> = examples().into_iter().map(|(name, _)| name).collect();
    names.sort();
    let found = names.len();
    names.dedup();
    assert_eq!(names.len(), found, "{names:?}");
}

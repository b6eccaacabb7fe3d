//! External cleanup at the end of a service.
//!
//! At the signal the service deregisters, with a deadline. When everything else has finished, on the forced path too, it asks its
//! sidecar to quit.
//!
//! Temporary files are removed however the process ends: in order, by the watchdog, by a second signal, by a failed start-up.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::net::SocketAddr;
use std::time::Duration;

use ebbtide_http1::client::Client;
use ebbtide_tests::{Ended, Process, Served, free_port, service};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

// The registry and the sidecar.

const LONG: Duration = Duration::from_secs(20);

/// A server that the service calls. The test accepts and answers each request.
struct Called(TcpListener);

impl Called {
    async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.expect("a port"))
    }

    fn addr(&self) -> String {
        self.0.local_addr().expect("its address").to_string()
    }

    /// Waits for a call, and returns it with the stream for the response.
    async fn next(&self) -> (String, TcpStream) {
        let call = async {
            let (mut stream, _) = self.0.accept().await.expect("accepted");
            let mut text = Vec::new();
            while !text.ends_with(b"\r\n\r\n") {
                text.push(stream.read_u8().await.expect("a whole head"));
            }
            (String::from_utf8(text).expect("UTF-8"), stream)
        };
        tokio::time::timeout(LONG, call).await.expect("no call came")
    }
}

async fn answer(mut stream: TcpStream, status: &str) {
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\nbody");
    stream.write_all(answer.as_bytes()).await.expect("the response is sent");
}

/// The service, its registry and its sidecar.
struct Scene {
    served: Served,
    health: SocketAddr,
    registry: Called,
    sidecar: Called,
    _folder: TempDir,
}

impl Scene {
    async fn start(amiss: &str) -> Self {
        let (registry, sidecar) = (Called::new().await, Called::new().await);
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = service("leaves");
        command.args([registry.addr(), sidecar.addr()]).arg(folder.path()).arg(amiss);
        let served = Served::start(command.env("EBBTIDE_GRACE", "10s").env("EBBTIDE_LAME_DUCK", "3s"));
        let health = served.process.says_after("health on ").parse().expect("an address");
        served.process.says("phase=ready");
        Self { served, health, registry, sidecar, _folder: folder }
    }

    async fn ended(&mut self) -> Ended {
        self.served.ended(LONG).await
    }
}

async fn status(addr: SocketAddr, path: &str) -> Option<String> {
    let mut client = Client::connect(addr).await.ok()?;
    client.get(path).await.ok()?;
    let answer = client.response().await.ok()?;
    Some(answer.status.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_deregisters_at_the_signal_and_the_sidecar_is_notified_last() {
    let mut scene = Scene::start("").await;
    scene.served.terminate();
    let (call, registry) = scene.registry.next().await;
    assert!(call.starts_with("PUT /v1/agent/service/deregister/leaves HTTP/1.1\r\n"), "{call}");
    assert!(call.contains("\r\nX-Consul-Token: secret\r\n"), "{call}");
    // Clients that still use the old address are served.
    assert_eq!(status(scene.health, "/readyz").await.as_deref(), Some("503"));
    assert_eq!(status(scene.served.addr, "/ping").await.as_deref(), Some("200"));
    answer(registry, "200 OK").await;
    let (call, sidecar) = scene.sidecar.next().await;
    assert!(call.starts_with("POST /quitquitquit HTTP/1.1\r\n"), "{call}");
    // The process waits for this response, so it logged these lines before.
    scene.served.process.says("flushed");
    scene.served.process.says("lifecycle exited");
    assert_eq!(status(scene.health, "/livez").await, None, "the health listener is closed");
    answer(sidecar, "200 OK").await;
    scene.ended().await.code(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_does_not_respond_is_abandoned_at_the_deadline_of_its_hook() {
    let mut scene = Scene::start("hasty").await;
    scene.served.terminate();
    let (_, registry) = scene.registry.next().await;
    // Its deadline of 300 ms ends before the lame duck.
    scene.served.process.says("deadline exceeded; cancelling component component=\"leave the registry\"");
    assert_eq!(status(scene.served.addr, "/ping").await.as_deref(), Some("200"));
    let (_, sidecar) = scene.sidecar.next().await;
    answer(sidecar, "200 OK").await;
    scene
        .ended()
        .await
        .code(3)
        .said("deadline exceeded; cancelling component component=\"leave the registry\"");
    drop(registry);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opposite_a_hook_without_a_separate_deadline_uses_all_of_the_servers_time() {
    let mut scene = Scene::start("patient").await;
    scene.served.terminate();
    let (_, registry) = scene.registry.next().await;
    scene.served.process.says("phase=draining");
    let said = scene.served.process.output();
    assert!(
        !said.contains("deadline exceeded"),
        "the hook was cancelled before the end of the lame duck:\n{said}"
    );
    let (_, sidecar) = scene.sidecar.next().await;
    answer(sidecar, "200 OK").await;
    scene
        .ended()
        .await
        .code(3)
        .said("deadline exceeded; cancelling component component=\"leave the registry\"");
    drop(registry);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sidecar_is_notified_on_the_forced_path_too() {
    let mut scene = Scene::start("blocks").await;
    scene.served.terminate();
    let (_, sidecar) = scene.sidecar.next().await;
    scene.served.process.says("watchdog terminates the process");
    scene.served.process.says("flushed");
    answer(sidecar, "200 OK").await;
    scene.ended().await.code(4).within(Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sidecar_that_refuses_or_is_unreachable_is_named_and_makes_the_exit_code_1() {
    let mut scene = Scene::start("").await;
    scene.served.terminate();
    answer(scene.registry.next().await.1, "200 OK").await;
    answer(scene.sidecar.next().await.1, "500 Oops").await;
    scene.ended().await.code(1).said("sidecar (failed: ").said("responded with status 500: body");

    let mut scene = Scene::start("").await;
    let gone = scene.sidecar.addr();
    scene.sidecar = Called::new().await;
    scene.served.terminate();
    answer(scene.registry.next().await.1, "200 OK").await;
    scene.ended().await.code(1).said(&gone).said("refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opposite_a_hook_at_the_signal_stops_the_sidecar_while_requests_still_arrive() {
    let mut scene = Scene::start("early").await;
    scene.served.terminate();
    answer(scene.sidecar.next().await.1, "200 OK").await;
    assert_eq!(
        status(scene.served.addr, "/ping").await.as_deref(),
        Some("200"),
        "the service still serves, without its sidecar"
    );
    answer(scene.registry.next().await.1, "200 OK").await;
    scene.ended().await.code(0);
}

// Temporary files.

/// The grace period of the service.
const GRACE: Duration = Duration::from_secs(8);

fn start_with_files(amiss: &str) -> (Process, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = service("leaves");
    // Nothing listens at this address, so a call is refused at once.
    let away = format!("127.0.0.1:{}", free_port());
    command.args([&away, &away]).arg(folder.path()).arg(amiss);
    command.env("EBBTIDE_GRACE", "8s").env("EBBTIDE_LAME_DUCK", "0s");
    (Process::start(&mut command), folder)
}

/// Returns the number of files and folders left.
fn left(folder: &TempDir) -> usize {
    std::fs::read_dir(folder.path()).expect("a readable folder").count()
}

/// Stops the service in one of the ways. Returns its outcome and the number of files left.
fn stopped_with_files(amiss: &str, signals: usize) -> (Ended, usize) {
    let (mut process, folder) = start_with_files(amiss);
    process.says("phase=ready");
    assert_eq!(left(&folder), 1);
    process.signal(Signal::TERM);
    if signals > 1 {
        process.says("a second signal terminates the process");
        process.second_signal(Signal::TERM);
    }
    let ended = process.ended(LONG).expect("the process does not exit");
    (ended, left(&folder))
}

#[test]
fn in_order() {
    let (ended, left) = stopped_with_files("", 1);
    ended.said("lifecycle exited");
    assert_eq!(left, 0);
}

#[test]
fn by_the_watchdog() {
    let (ended, left) = stopped_with_files("blocks", 1);
    ended.code(4).within(GRACE);
    assert_eq!(left, 0);
}

/// They were registered when the runtime was already blocked, so the dispatcher has not processed them.
#[test]
fn by_the_watchdog_if_registered_on_a_blocked_runtime_and_its_flushers_run() {
    let (mut process, folder) = start_with_files("blocked");
    process.says("registered");
    assert_eq!(left(&folder), 1);
    process.signal(Signal::TERM);
    process.ended(LONG).expect("the process does not exit").code(4).said("flushed").within(GRACE);
    assert_eq!(left(&folder), 0);
}

#[test]
fn by_a_second_signal() {
    for amiss in ["hangs", "blocks"] {
        let (ended, left) = stopped_with_files(amiss, 2);
        ended.by_signal(Signal::TERM);
        assert_eq!(left, 0, "{amiss}");
    }
}

#[test]
fn by_a_start_up_that_fails() {
    let (mut process, folder) = start_with_files("fails");
    process.ended(LONG).expect("the process does not exit").code(1).said("no database");
    assert_eq!(left(&folder), 0);
}

#[test]
fn the_opposite_a_folder_removed_on_drop_is_left_by_the_watchdog_and_a_second_signal() {
    let (ended, left) = stopped_with_files("tempdir", 1);
    ended.code(4);
    assert_eq!(left, 1);
    let (ended, left) = stopped_with_files("tempdir", 2);
    ended.by_signal(Signal::TERM);
    assert_eq!(left, 1);
}

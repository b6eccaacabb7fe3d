//! A service manager with systemd's protocol is notified of the service's state, and its watchdog gets no ping from a blocked
//! runtime. This test is the manager: a real datagram socket and a real process.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ebbtide_tests::{Process, service};
use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

const LONG: Duration = Duration::from_secs(30);
/// Each stage's part of it is long enough for a busy machine.
const GRACE: Duration = Duration::from_secs(4);

struct Manager {
    socket: UnixDatagram,
    address: OsString,
    _folder: Option<tempfile::TempDir>,
}

impl Manager {
    fn at_a_path() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        Self { socket, address: path.into_os_string(), _folder: Some(folder) }
    }

    fn at_a_name() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("ebbtide-tests-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::SeqCst));
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("a socket");
        Self { socket, address: format!("@{name}").into(), _folder: None }
    }

    fn start(&self, fault: &str, watchdog: Option<Duration>) -> Process {
        let mut command = service("victim");
        command
            .arg(fault)
            .env("NOTIFY_SOCKET", &self.address)
            .env("EBBTIDE_GRACE", "4s")
            .stdin(Stdio::piped());
        command.env_remove("WATCHDOG_PID").env_remove("WATCHDOG_USEC");
        if let Some(watchdog) = watchdog {
            command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        }
        Process::start(&mut command)
    }

    /// Waits for a message. Returns `None` if none comes within `limit`.
    fn hears_within(&self, limit: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(limit)).expect("a timeout");
        let mut buffer = [0; 8192];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..length].to_vec()).expect("UTF-8"))
    }

    fn hears(&self) -> String {
        self.hears_within(LONG).expect("a message")
    }

    fn is_pinged(&self) {
        while self.hears() != "WATCHDOG=1" {}
    }

    /// Waits for a message other than a ping.
    fn is_told(&self) -> String {
        loop {
            let message = self.hears();
            if message != "WATCHDOG=1" {
                return message;
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a manager's watchdog counts real time")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn ready_and_stopping_are_sent_in_order_with_the_time_of_the_plan() {
    for manager in [Manager::at_a_path(), Manager::at_a_name()] {
        let mut victim = manager.start("", None);
        assert_eq!(manager.hears(), "STATUS=starting");
        assert_eq!(manager.hears(), "READY=1\nSTATUS=ready");
        victim.signal(Signal::TERM);
        let stopping = manager.hears();
        // There is nothing to wait for, so several phases pass in one step.
        assert!(stopping.starts_with("STOPPING=1\nEXTEND_TIMEOUT_USEC=4000000\nSTATUS="), "{stopping}");
        assert!(stopping.ends_with(" (SIGTERM)"), "{stopping}");
        let mut rest = Vec::new();
        while rest.last().is_none_or(|last| last != "STATUS=exited (SIGTERM)") {
            rest.push(manager.hears());
        }
        assert!(rest.iter().all(|message| message.starts_with("STATUS=")), "{rest:?}");
        victim.ended(LONG).expect("the process exits").code(0);
        assert_eq!(manager.hears_within(Duration::from_millis(1)), None, "a message after the last status");
    }
}

#[test]
fn ready_is_not_sent_before_every_check_is_green_and_the_status_names_the_pending() {
    let manager = Manager::at_a_path();
    // Bound and not listening: connections are refused until it listens.
    let dependency = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    dependency.bind(&nowhere.into()).expect("a port");
    let address = dependency.local_addr().ok().and_then(|at| at.as_socket()).expect("its address");
    let mut command = service("checked");
    command.args([&address.to_string(), "required"]).env("NOTIFY_SOCKET", &manager.address);
    let mut checked = Process::start(command.env("EBBTIDE_GRACE", "4s").env("EBBTIDE_LAME_DUCK", "0s"));
    assert_eq!(manager.hears(), "STATUS=starting");
    assert_eq!(manager.hears(), "STATUS=not ready: waiting for dependency");
    assert_eq!(manager.hears_within(Duration::from_millis(300)), None);
    dependency.listen(16).expect("it listens");
    assert_eq!(manager.hears(), "READY=1\nSTATUS=ready");
    checked.signal(Signal::TERM);
    assert!(manager.hears().starts_with("STOPPING=1\n"));
    checked.ended(LONG).expect("the process exits").code(0);
}

#[test]
fn ready_is_not_sent_before_the_start_up_has_finished() {
    let manager = Manager::at_a_path();
    let mut victim = manager.start("failing-start", None);
    assert_eq!(manager.hears(), "STATUS=starting");
    assert!(manager.hears().starts_with("STOPPING=1\n"));
    victim.ended(LONG).expect("the process exits").code(1);
}

#[test]
fn the_status_names_the_pending_components_and_the_time_left() {
    let manager = Manager::at_a_path();
    let mut victim = manager.start("stubborn-task", None);
    victim.says("phase=ready");
    victim.signal(Signal::TERM);
    let waiting = std::iter::repeat_with(|| manager.is_told()).find(|status| status.contains("waiting for"));
    let waiting = waiting.expect("an endless iterator");
    let left =
        waiting.strip_prefix("STATUS=draining: ").and_then(|rest| rest.split_once(" left, waiting for "));
    let (left, who) = left.unwrap_or_else(|| panic!("{waiting}"));
    let left = ebbtide::model::parse_duration(left).expect("a duration");
    assert!(!left.is_zero() && left < GRACE, "{waiting}");
    assert_eq!(who, "stubborn-task");
    victim.ended(LONG).expect("the process exits").code(3);
}

#[test]
fn watchdog_pings_arrive_in_time_until_the_runtime_blocks_and_then_cease() {
    let manager = Manager::at_a_path();
    let limit = Duration::from_secs(2);
    let mut victim = manager.start("wedged-when-told", Some(limit));
    victim.says("phase=ready");
    manager.is_pinged();
    for _ in 0..4 {
        let last = now();
        manager.is_pinged();
        assert!(last.elapsed() < limit, "the manager would have killed the process");
    }
    victim.tell("wedge");
    // One ping may be in transit.
    let silence = (0..3).find(|_| manager.hears_within(2 * limit).is_none());
    assert!(silence.is_some(), "pings continue although the runtime is blocked");
    // The library's watchdog still enforces the deadline, and reports it.
    victim.signal(Signal::TERM);
    victim.ended(LONG).expect("the process exits").code(4);
    let last =
        std::iter::from_fn(|| manager.hears_within(Duration::from_millis(1))).last().expect("a message");
    let parts = [
        " after the shutdown began; phase ready for ",
        "; waiting for: the async runtime, which has asked no component to stop: ",
        "first",
    ];
    assert!(last.starts_with("STATUS=watchdog terminates the process "), "{last}");
    assert!(parts.iter().all(|part| last.contains(part)), "{last}");
}

#[test]
fn watchdog_pings_continue_during_the_shutdown() {
    let manager = Manager::at_a_path();
    let mut victim = manager.start("stubborn-task", Some(Duration::from_millis(200)));
    victim.says("phase=ready");
    victim.signal(Signal::TERM);
    while !manager.hears().starts_with("STOPPING=1") {}
    let mut pings = 0;
    loop {
        match manager.hears().as_str() {
            "WATCHDOG=1" => pings += 1,
            "STATUS=exited (SIGTERM)" => break,
            status => assert!(!status.contains("watchdog"), "{status}"),
        }
    }
    victim.ended(LONG).expect("the process exits").code(3);
    // At least 2.8 s, with one ping every 100 ms.
    assert!(pings >= 5, "{pings}");
}

#[test]
fn a_service_manager_that_does_not_read_delays_nothing_and_is_notified_later() {
    let manager = Manager::at_a_path();
    let filler = UnixDatagram::unbound().expect("a socket");
    filler.set_nonblocking(true).expect("it does not wait");
    while filler.send_to(b"STATUS=full", &manager.address).is_ok() {}
    let mut victim = manager.start("", None);
    victim.says("phase=ready");
    while manager.hears() != "READY=1\nSTATUS=ready" {}
    while filler.send_to(b"STATUS=full", &manager.address).is_ok() {}
    victim.signal(Signal::TERM);
    victim.ended(LONG).expect("the process exits").code(0);
}

/// The opposite: with no address, an address without a listener, or an invalid one, the service works the same.
#[test]
fn without_a_reachable_service_manager_the_service_starts_and_stops_as_usual() {
    let gone = Manager::at_a_path().address;
    for address in [OsString::new(), gone, "no address".into()] {
        let mut command = service("victim");
        command.arg("").env("NOTIFY_SOCKET", &address).env("EBBTIDE_GRACE", "4s");
        let mut victim = Process::start(&mut command);
        victim.says("phase=ready");
        victim.signal(Signal::TERM);
        victim.ended(LONG).expect("the process exits").code(0);
    }
}

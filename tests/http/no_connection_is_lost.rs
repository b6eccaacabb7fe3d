//! A listener that closes under load loses no connection.
//!
//! Connections that the kernel completed and the server has not accepted are served, even if the stop signal comes first.
//!
//! A listener that closes under a storm from another machine loses no connection: over IPv4, IPv6 and both on one socket, with
//! and without the privilege to filter packets, and with handshakes whose last ACK is late.
//!
//! No privilege is required: a server that runs as `nobody`, without any capability, loses nothing.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a helper that fails fails its test; the figures are shown"
)]

use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use ebbtide_http1::client::Client;
use ebbtide_tests::storm::{Clients, Storm, Tally};
use ebbtide_tests::{Namespaces, Process, Served, service_program};
use rustix::process::Signal;

// The accept queue.

const LONG: Duration = Duration::from_secs(20);

/// Stops a server with connections in its accept queue: it is suspended while the connections, the requests and the signal
/// arrive. Returns the number of answered requests.
async fn answered(mut served: Served, count: usize) -> usize {
    served.process.signal(Signal::STOP);
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = Client::connect(served.addr).await.expect("the accept queue has room");
        client.get("/ping").await.expect("the request is sent");
        clients.push(client);
    }
    served.terminate();
    served.process.signal(Signal::CONT);
    let mut answered = 0;
    for client in &mut clients {
        answered +=
            usize::from(client.response().await.is_ok_and(|answer| answer.is_ok() && answer.body == b"pong"));
    }
    drop(clients);
    served.ended(LONG).await.code(0);
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_connection_is_lost_with_or_without_a_lame_duck() {
    for lame_duck in ["0s", "500ms"] {
        let served = Served::shapes(&[], "20s", lame_duck);
        assert_eq!(answered(served, 1000).await, 1000, "lame duck of {lame_duck}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_connection_is_lost_with_any_way_to_hold_back_new_ones() {
    for close in ["syn-filter", "hop-limit", "backlog"] {
        let served = Served::shapes(&["--close", close], "20s", "0s");
        assert_eq!(answered(served, 300).await, 300, "{close}");
    }
}

/// The opposite, twice: an abrupt close, and a plain axum server, whose queue has room for about a hundred connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_close_resets_queued_connections() {
    let abrupt = || Served::shapes(&["--close", "abrupt"], "20s", "0s");
    let peer = || Served::peer();
    for (start, count) in [(&abrupt as &dyn Fn() -> Served, 1000), (&peer, 100)] {
        let mut lost = 0;
        for _ in 0..5 {
            lost += count - answered(start(), count).await;
        }
        assert!(lost > 0, "nothing was lost of {count} connections in five stops");
    }
}

// Between machines.

const CLIENTS: usize = 64;

/// How the clients use their connections.
#[derive(Clone, Copy, Debug)]
enum Load {
    /// All clients open a connection for each request.
    Fresh,
    /// Some clients use ports whose first packets are dropped.
    Late,
    /// All clients keep their connection.
    Kept,
}

impl Load {
    /// Returns the settings of the storm.
    fn counts(self) -> &'static str {
        match self {
            Self::Fresh => "64 0 0",
            Self::Late => "48 16 0",
            Self::Kept => "0 0 64",
        }
    }
}

/// The network between the two machines.
#[derive(Clone, Copy, Debug)]
struct Way {
    listen: &'static str,
    to: IpAddr,
}

const WAYS: [Way; 3] = [
    Way { listen: "10.99.0.1:0", to: Namespaces::SERVER_IPV4 },
    Way { listen: "[fd99::1]:0", to: Namespaces::SERVER_IPV6 },
    // IPv4 clients of a dual-stack socket.
    Way { listen: "[::]:0", to: Namespaces::SERVER_IPV4 },
];

/// Closes the listener this many times under a storm, over each network. Returns the total.
fn closes(each: usize, privileged: bool, load: Load, mode: &str) -> Tally {
    let namespaces = Namespaces::new();
    if matches!(load, Load::Late) {
        namespaces.drop_first_packets();
    }
    let service = service_program();
    let mut storm = Process::start(namespaces.client(&service).arg("storm").stdin(Stdio::piped()));
    let (mut sum, mut round) = (Tally::default(), 0);
    for way in WAYS {
        let mut closer =
            if privileged { namespaces.server(&service) } else { namespaces.server_unprivileged(&service) };
        let mut closer = Process::start(closer.args(["closer", way.listen, mode]).stdin(Stdio::piped()));
        for number in 0..each {
            closer.tell("open");
            let open: SocketAddr =
                closer.says_after(&format!("open {number} at ")).parse().expect("an address");
            let to = SocketAddr::new(way.to, open.port());
            storm.tell(&format!("begin {to} {}", load.counts()));
            storm.says(&format!("storm {round} is up"));
            match load {
                Load::Late => namespaces.wait_for_half_done(open.port()),
                // The time differs from round to round.
                Load::Fresh | Load::Kept => thread::sleep(Duration::from_micros(713 * number as u64)),
            }
            closer.tell("close");
            let closed = closer.says_after(&format!("closed {number} "));
            assert!(closed.ends_with(" cancelled=0"), "{closed}");
            storm.tell("gone");
            let tally: Tally = storm.says_after(&format!("storm {round}: ")).parse().expect("a tally");
            assert!(tally.answered >= CLIENTS as u64, "too little load: {tally}");
            sum += &tally;
            round += 1;
        }
        if mode != "abrupt" {
            let hold = if privileged { "hold=Filter" } else { "hold=HopLimit" };
            let held = closer.output().matches(hold).count();
            assert_eq!(held, each, "{hold} was not used at every close\n{}", closer.output());
        }
    }
    println!("{round} closes, privileged: {privileged}, {load:?}, {mode}: {sum}");
    sum
}

fn nothing_is_lost_between(each: usize, privileged: bool, load: Load) {
    let tally = closes(each, privileged, load, "lossless");
    assert_eq!(tally.lost, 0, "{tally}");
    let held_back = tally.unanswered_syns > 0 || matches!(load, Load::Kept);
    assert!(held_back, "no connection was held back: {tally}");
}

#[test]
fn with_the_packet_filter() {
    nothing_is_lost_between(9, true, Load::Fresh);
}

#[test]
fn without_network_privileges() {
    nothing_is_lost_between(9, false, Load::Fresh);
}

#[test]
fn with_the_packet_filter_when_the_last_ack_of_handshakes_is_late() {
    nothing_is_lost_between(9, true, Load::Late);
}

#[test]
fn without_network_privileges_when_the_last_ack_of_handshakes_is_late() {
    nothing_is_lost_between(9, false, Load::Late);
}

#[test]
fn keep_alive_clients_lose_nothing() {
    for privileged in [true, false] {
        nothing_is_lost_between(4, privileged, Load::Kept);
    }
}

/// The opposite: the same harness detects the losses of a plain close.
#[test]
fn a_plain_close_loses_connections_of_every_kind() {
    for (load, each) in [(Load::Fresh, 2), (Load::Late, 2), (Load::Kept, 5)] {
        let tally = closes(each, true, load, "abrupt");
        assert!(tally.lost > 0, "{load:?}: {tally}");
    }
}

// Without any privilege.

const NOBODY: &str = "65534";

/// Starts the server as `nobody`, from a folder that this user may enter. Without root, starts it as the current user.
fn served_as_nobody(folder: &tempfile::TempDir, args: &[&str]) -> Served {
    let exe = folder.path().join("service");
    if !exe.exists() {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("permissions set");
        // Copied by another process: a file cannot be run while it is open for writing, here or in a child of another test
        // that inherited the descriptor.
        let copied = Command::new("cp").arg(service_program()).arg(&exe).status();
        assert!(copied.expect("cp runs").success(), "no copy");
    }
    let mut command = Command::new("setpriv");
    if rustix::process::geteuid().is_root() {
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--bounding-set=-all"]);
    }
    command.args(["--inh-caps=-all", "--no-new-privs", "--"]).arg(exe).arg("shapes").args(args);
    command.env("EBBTIDE_GRACE", "20s").env("EBBTIDE_LAME_DUCK", "200ms");
    let served = Served::start(&mut command);
    served.process.says("phase=ready");
    let status =
        fs::read_to_string(format!("/proc/{}/status", served.process.pid())).expect("the server runs");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
        line.split_whitespace().next().unwrap_or_default().to_owned()
    };
    assert_ne!(field("Uid:"), "0");
    for capabilities in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(field(capabilities), "0000000000000000", "{capabilities}");
    }
    served
}

/// Stops the server this many times under load.
async fn stopped_as_nobody(times: u64, args: &[&str]) -> Tally {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sum = Tally::default();
    for round in 0..times {
        let mut served = served_as_nobody(&folder, args);
        let clients =
            Clients { kept: 64, thinking: Duration::from_millis(20), ..Clients::fresh(served.addr, 64) };
        let mut storm = Storm::begin(clients);
        storm.is_up().await.expect("the server responds");
        // The time differs from round to round.
        tokio::time::sleep(Duration::from_millis(7 * round)).await;
        served.terminate();
        served.ended(LONG).await.code(0);
        sum += &storm.gone().await.expect("no resource ran out");
    }
    println!("{times} stops as nobody, {args:?}: {sum}");
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost() {
    let tally = stopped_as_nobody(10, &[]).await;
    assert_eq!(tally.lost, 0, "{tally}");
    assert!(tally.answered > 2000, "too little load: {tally}");
}

/// The opposite: the same server with a plain close.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_close_loses_requests() {
    let tally = stopped_as_nobody(3, &["--close", "abrupt"]).await;
    assert!(tally.lost > 0, "{tally}");
}

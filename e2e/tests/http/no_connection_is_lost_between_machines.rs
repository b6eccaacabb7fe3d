//! A listener that closes under a storm from another machine loses no connection: over IPv4, IPv6 and both on one socket,
//! with the right to filter packets and without it, and with handshakes whose last ACK is late.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a helper that fails fails its test; the figures are shown"
)]

use std::net::{IpAddr, SocketAddr};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use ebbtide_e2e::storm::Tally;
use ebbtide_e2e::{Namespaces, Process, service_program};

const CLIENTS: usize = 64;

/// What the clients do.
#[derive(Clone, Copy, Debug)]
enum Load {
    /// All open a connection for each request.
    Fresh,
    /// Some of them from the ports whose first packets are lost.
    Late,
    /// All keep their connection.
    Kept,
}

impl Load {
    /// As the storm wants to be told.
    fn counts(self) -> &'static str {
        match self {
            Self::Fresh => "64 0 0",
            Self::Late => "48 16 0",
            Self::Kept => "0 0 64",
        }
    }
}

/// How the two machines talk.
#[derive(Clone, Copy, Debug)]
struct Way {
    listen: &'static str,
    to: IpAddr,
}

const WAYS: [Way; 3] = [
    Way { listen: "10.99.0.1:0", to: Namespaces::SERVER_IPV4 },
    Way { listen: "[fd99::1]:0", to: Namespaces::SERVER_IPV6 },
    // IPv4 clients of a socket that takes both.
    Way { listen: "[::]:0", to: Namespaces::SERVER_IPV4 },
];

/// Closes so often under a storm, over each way; returns the sum.
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
                // The moment differs from round to round.
                Load::Fresh | Load::Kept => thread::sleep(Duration::from_micros(713 * number as u64)),
            }
            closer.tell("close");
            let closed = closer.says_after(&format!("closed {number} "));
            assert!(closed.ends_with(" cut=0"), "{closed}");
            storm.tell("gone");
            let tally: Tally = storm.says_after(&format!("storm {round}: ")).parse().expect("a tally");
            assert!(tally.answered >= CLIENTS as u64, "there was a storm: {tally}");
            sum += &tally;
            round += 1;
        }
        if mode != "abrupt" {
            let hold = if privileged { "hold=Filter" } else { "hold=HopLimit" };
            let held = closer.output().matches(hold).count();
            assert_eq!(held, each, "the mechanism that is meant: {hold}\n{}", closer.output());
        }
    }
    println!("{round} closes, privileged: {privileged}, {load:?}, {mode}: {sum}");
    sum
}

fn nothing_is_lost(each: usize, privileged: bool, load: Load) {
    let tally = closes(each, privileged, load, "lossless");
    assert_eq!(tally.lost, 0, "{tally}");
    let held_back = tally.unanswered_syns > 0 || matches!(load, Load::Kept);
    assert!(held_back, "nobody was held back: {tally}");
}

#[test]
fn with_the_packet_filter() {
    nothing_is_lost(9, true, Load::Fresh);
}

#[test]
fn without_any_right_to_the_network() {
    nothing_is_lost(9, false, Load::Fresh);
}

#[test]
fn with_the_packet_filter_when_the_last_ack_of_handshakes_is_late() {
    nothing_is_lost(9, true, Load::Late);
}

#[test]
fn without_any_right_to_the_network_when_the_last_ack_of_handshakes_is_late() {
    nothing_is_lost(9, false, Load::Late);
}

#[test]
fn keep_alive_clients_lose_nothing_either() {
    for privileged in [true, false] {
        nothing_is_lost(4, privileged, Load::Kept);
    }
}

/// The opposite: the same harness sees what a plain close loses.
#[test]
fn a_plain_close_loses_connections_of_every_kind() {
    for (load, each) in [(Load::Fresh, 2), (Load::Late, 2), (Load::Kept, 5)] {
        let tally = closes(each, true, load, "abrupt");
        assert!(tally.lost > 0, "{load:?}: {tally}");
    }
}

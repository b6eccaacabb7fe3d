#![expect(clippy::panic, reason = "a broken harness fails its test")]

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::process::{Command, Stdio};

use crate::Process;

/// The ports from which [`Namespaces::drop_first_packets`] recognises a client.
pub const LATE_PORTS: Range<u16> = 10_000..30_000;

/// Two machines for the kernel's network code, joined by a virtual cable: two namespaces and a veth pair.
///
/// They have no name and exist as long as the two processes that keep them open, so they leave nothing behind however a test ends.
#[derive(Debug)]
pub struct Namespaces {
    server: Process,
    client: Process,
    rootless: bool,
}

impl Namespaces {
    /// The server's address.
    pub const SERVER_IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 1));
    /// The server's address.
    pub const SERVER_IPV6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 1));

    /// Creates them as root, or in a user namespace where any user may create one.
    ///
    /// # Panics
    ///
    /// When neither is possible; the message names what is missing.
    pub fn new() -> Self {
        for (program, package) in
            [("unshare", "util-linux"), ("nsenter", "util-linux"), ("ip", "iproute2"), ("nft", "nftables")]
        {
            let found = run(program).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
            assert!(
                found.is_ok(),
                "`{program}` is missing: install the package {package}, as `cargo xtask test` does"
            );
        }
        let rootless = !rustix::process::geteuid().is_root();
        let mut unshare = run("unshare");
        if rootless {
            unshare.args(["--user", "--map-root-user"]);
        }
        let server = held(unshare.arg("--net"));
        let client = held(enter(&server, rootless, false).args(["unshare", "--net"]));
        let namespaces = Self { server, client, rootless };
        namespaces.cable();
        namespaces
    }

    /// Returns a command that runs a program on the server's machine.
    pub fn server(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = enter(&self.server, self.rootless, true);
        command.arg(program);
        command
    }

    /// Returns a command that runs a program on the server's machine without `CAP_NET_ADMIN`, as in a container.
    pub fn server_unprivileged(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.server("setpriv");
        command.args(["--bounding-set=-net_admin", "--inh-caps=-net_admin", "--"]).arg(program);
        command
    }

    /// Returns a command that runs a program on the clients' machine.
    pub fn client(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = enter(&self.client, self.rootless, true);
        command.arg(program);
        command
    }

    /// Drops, on the server's machine, the first packets after the SYN of each connection from [`LATE_PORTS`]: the last ACK
    /// of the handshake, and the request after it, which would complete the handshake as well. The client's kernel
    /// retransmits the request after 200 ms.
    pub fn drop_first_packets(&self) {
        let Range { start, end } = LATE_PORTS;
        let rules = format!(
            "table inet late {{
                set seen {{ type inet_service; size 65535; flags dynamic,timeout; timeout 5s; }}
                chain in {{
                    type filter hook input priority 0; policy accept;
                    tcp sport {start}-{} tcp flags & (syn | ack | fin | rst) == ack \
                        add @seen {{ tcp sport limit rate 1/hour burst 2 packets }} drop
                }}
            }}",
            end - 1
        );
        done(self.server("nft").arg(rules));
    }

    /// Waits until a handshake with a port is half complete.
    ///
    /// # Panics
    ///
    /// When there is no such handshake after several thousand polls.
    pub fn wait_for_half_done(&self, port: u16) {
        const LOOKS: usize = 5000;
        let filter = format!("sport = :{port}");
        let half_done = (0..LOOKS).any(|_| {
            let output = self.server("ss").args(["-Htn", "state", "syn-recv", &filter]).output();
            let output = output.unwrap_or_else(|error| panic!("ss: {error}"));
            assert!(output.status.success(), "ss: {}", String::from_utf8_lossy(&output.stderr));
            !output.stdout.is_empty()
        });
        assert!(half_done, "no half-done handshake with port {port}");
    }

    fn cable(&self) {
        let peer = self.client.pid().to_string();
        let mut link = self.server("ip");
        done(
            link.args([
                "link", "add", "name", "cable", "type", "veth", "peer", "name", "cable", "netns", &peer,
            ]),
        );
        let host =
            |address: &str, number: &str| address.strip_suffix('1').map(|net| format!("{net}{number}"));
        for (number, ip) in [("1", Self::server as fn(&Self, &'static str) -> Command), ("2", Self::client)] {
            let [v4, v6] = [Self::SERVER_IPV4, Self::SERVER_IPV6]
                .map(|address| host(&address.to_string(), number).unwrap_or_default());
            done(ip(self, "ip").args(["address", "add", &format!("{v4}/24"), "dev", "cable"]));
            // Without duplicate address detection, which would delay the address by a second.
            done(ip(self, "ip").args(["address", "add", &format!("{v6}/64"), "dev", "cable", "nodad"]));
            for device in ["cable", "lo"] {
                done(ip(self, "ip").args(["link", "set", device, "up"]));
            }
        }
    }
}

impl Default for Namespaces {
    fn default() -> Self {
        Self::new()
    }
}

/// Starts the process that keeps a namespace open. It exits at the end of its standard input, and so together with the test.
fn held(unshare: &mut Command) -> Process {
    let holder = Process::start(unshare.args(["sh", "-c", "echo held; exec cat"]).stdin(Stdio::piped()));
    holder.says("held");
    holder
}

fn enter(holder: &Process, rootless: bool, net: bool) -> Command {
    let mut command = run("nsenter");
    command.args(["--target", &holder.pid().to_string()]);
    if rootless {
        command.args(["--user", "--preserve-credentials"]);
    }
    if net {
        command.arg("--net");
    }
    command.arg("--");
    command
}

/// Finds programs in the administrator's folders too, which may not be on the `PATH`.
fn run(program: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

fn done(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

//! The whole of it needs no privilege: a server that runs as `nobody`, without any capability, loses nothing.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a helper that fails fails its test; the figures are shown"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use ebbtide_e2e::storm::{Clients, Storm, Tally};
use ebbtide_e2e::{Served, service_program};

const LONG: Duration = Duration::from_secs(20);
const NOBODY: &str = "65534";

/// Starts the server as nobody, from a folder that nobody may enter; where we are not root, as whoever we are.
fn served(folder: &tempfile::TempDir, args: &[&str]) -> Served {
    let exe = folder.path().join("service");
    if !exe.exists() {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("our own folder");
        // By another process: a file that is open for writing here cannot be run, nor while a child that another test just
        // starts has inherited it.
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
    let status = fs::read_to_string(format!("/proc/{}/status", served.process.pid())).expect("it runs");
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

/// Stops so often under load.
async fn stopped(times: u64, args: &[&str]) -> Tally {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sum = Tally::default();
    for round in 0..times {
        let mut served = served(&folder, args);
        let clients =
            Clients { kept: 64, thinking: Duration::from_millis(20), ..Clients::fresh(served.addr, 64) };
        let mut storm = Storm::begin(clients);
        storm.is_up().await.expect("it serves");
        // The moment differs from round to round.
        tokio::time::sleep(Duration::from_millis(7 * round)).await;
        served.terminate();
        served.ended(LONG).await.code(0);
        sum += &storm.gone().await.expect("nothing was short");
    }
    println!("{times} stops as nobody, {args:?}: {sum}");
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost() {
    let tally = stopped(10, &[]).await;
    assert_eq!(tally.lost, 0, "{tally}");
    assert!(tally.answered > 2000, "there was a storm: {tally}");
}

/// The opposite: the same server, with a plain close.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_close_loses_requests() {
    let tally = stopped(3, &["--close", "abrupt"]).await;
    assert!(tally.lost > 0, "{tally}");
}

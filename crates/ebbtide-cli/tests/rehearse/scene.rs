//! Rehearses a service that keeps its own record, and compares the verdict with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::common::{check, ebbtide, hint, need, service, verdict};
use crate::ports::free_port;

/// The expected verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Says {
    Pass,
    Fail,
    Inconclusive,
    NotRehearsed,
}

impl Says {
    fn code(self) -> i32 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::NotRehearsed => 3,
            Self::Inconclusive => 4,
        }
    }
}

/// How exactly the service's record can be compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Truth {
    /// For each request.
    Exact,
    /// The service may end between a response and its line in the record.
    Torn,
}

/// One row of the table.
pub(crate) struct Row {
    pub(crate) mode: &'static str,
    pub(crate) options: &'static [&'static str],
    pub(crate) says: Says,
    pub(crate) truth: Truth,
    /// Whether the service speaks TLS.
    pub(crate) tls: bool,
    /// Whether it listens on a Unix socket.
    pub(crate) unix: bool,
    /// Checks that must fail, each with a part of its evidence.
    pub(crate) failing: Vec<(&'static str, &'static str)>,
}

impl Row {
    /// `mode` stops well, and the verdict must be a pass.
    pub(crate) fn innocent(mode: &'static str, options: &'static [&'static str]) -> Self {
        Self {
            mode,
            options,
            says: Says::Pass,
            truth: Truth::Exact,
            tls: false,
            unix: false,
            failing: Vec::new(),
        }
    }

    /// `mode` has a fault, and each of these checks must find it.
    pub(crate) fn guilty(mode: &'static str, failing: &[(&'static str, &'static str)]) -> Self {
        let failing = failing.to_vec();
        Self { mode, options: &[], says: Says::Fail, truth: Truth::Exact, tls: false, unix: false, failing }
    }

    pub(crate) fn with(self, options: &'static [&'static str]) -> Self {
        Self { options, ..self }
    }

    pub(crate) fn over_tls(self) -> Self {
        Self { tls: true, ..self }
    }

    pub(crate) fn over_unix(self) -> Self {
        Self { unix: true, ..self }
    }

    pub(crate) fn torn(self) -> Self {
        Self { truth: Truth::Torn, ..self }
    }

    pub(crate) fn says(self, says: Says) -> Self {
        Self { says, ..self }
    }
}

/// A small load, long enough for a baseline on a busy machine.
pub(crate) const LOAD: [&str; 6] =
    ["--storm=2", "--keepalive=4", "--open=20", "--warmup=1s", "--window=100ms", "--seed=7"];

/// Requests that are in flight at the signal, whatever the timing.
pub(crate) const SLOW: [&str; 3] = ["--url=slow=/slow/{ms}", "--slow=2", "--slow-time=150ms-400ms"];

/// The result of a rehearsal.
pub(crate) struct Seen {
    pub(crate) output: Output,
    pub(crate) verdict: Option<Value>,
    /// The record, if there is a verdict.
    pub(crate) record: String,
}

impl Seen {
    /// Returns the command's standard error.
    pub(crate) fn words(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Returns the evidence of check `id`.
    #[track_caller]
    pub(crate) fn evidence(&self, id: &str) -> String {
        check(self.verdict.as_ref().unwrap(), id).1
    }

    /// Returns the hint of check `id`.
    #[track_caller]
    pub(crate) fn hint(&self, id: &str) -> String {
        hint(self.verdict.as_ref().unwrap(), id)
    }
}

/// Rehearses `row`, compares, and prints its line of the table.
#[track_caller]
pub(crate) fn holds(row: &Row) -> Seen {
    need("python3");
    let folder = tempfile::tempdir().unwrap();
    let (truth, record) = (folder.path().join("truth"), folder.path().join("record"));
    let (port, second) = (free_port(), free_port());
    let fill =
        |word: &&str| word.replace("{port}", &port.to_string()).replace("{second}", &second.to_string());
    let mut command = ebbtide();
    command.env("TRUTH", &truth).args(["rehearse", "--format=json", "--quiet", "--grace=6s"]);
    command.arg(format!("--record={}", record.display()));
    let scheme = if row.tls { "https" } else { "http" };
    let (at, ready) = address(row.unix, scheme, port, folder.path());
    command.arg(format!("--ready={ready}"));
    if row.tls {
        certify(&mut command, folder.path());
    }
    // With `--fitted` the command chooses the numbers of the load.
    let fitted = row.options.contains(&"--fitted");
    // Without load its options are refused.
    let is_loaded =
        !row.options.iter().any(|word| ["--signal-at=idle", "--signal-at=startup"].contains(word));
    if is_loaded {
        command.args(LOAD.iter().skip(if fitted { 3 } else { 0 })).args(SLOW);
    } else {
        command.arg(LOAD[5]);
    }
    command.args(row.options.iter().filter(|word| **word != "--fitted").map(fill));
    command.arg("--").arg("python3").arg(service("truth.py")).arg(at).arg(row.mode);
    if row.options.iter().any(|word| word.contains("{second}")) {
        command.arg(second.to_string());
    }
    let output = command.output().unwrap();
    let told = (output.status.code() != Some(3)).then(|| verdict(&output));
    print(row, &Told::read(&truth), told.as_ref(), &output);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let shown = || format!("{}: {words}{:#}", row.mode, told.clone().unwrap_or_default());
    assert_eq!(output.status.code(), Some(row.says.code()), "{}", shown());
    if let Some(verdict) = &told {
        for (id, evidence) in &row.failing {
            let found = check(verdict, id);
            assert!(found.0 == "fail" && found.1.contains(evidence), "{id} {evidence}: {}", shown());
        }
        if row.truth == Truth::Exact {
            compare(row, &Told::read(&truth), &outcomes(&record), verdict, &shown);
        }
    }
    Seen { output, verdict: told, record: fs::read_to_string(&record).unwrap_or_default() }
}

/// Returns where the service listens, as its argument, and the URL of its readiness.
pub(crate) fn address(unix: bool, scheme: &str, port: u16, folder: &Path) -> (String, String) {
    if unix {
        let path = folder.join("service.sock").display().to_string();
        let ready = format!("{scheme}://unix:{path}:/readyz");
        return (path, ready);
    }
    (port.to_string(), format!("{scheme}://127.0.0.1:{port}/readyz"))
}

/// Gives the service a certificate for 127.0.0.1, and lets the command trust it.
pub(crate) fn certify(command: &mut Command, folder: &Path) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    command.env("TLS_CERT", &certificate).env("TLS_KEY", key);
    command.arg(format!("--cacert={}", certificate.display()));
}

/// The service's record: the requests that it read completely, and those that it answered completely.
#[derive(Default)]
struct Told {
    received: BTreeSet<u64>,
    answered: BTreeSet<u64>,
}

impl Told {
    fn read(file: &Path) -> Self {
        let mut told = Self::default();
        for line in fs::read_to_string(file).unwrap_or_default().lines() {
            let (kind, number) = line.split_once(' ').unwrap();
            let number = number.parse().unwrap();
            let new = if kind == "R" { told.received.insert(number) } else { told.answered.insert(number) };
            assert!(new, "request {number} was received twice");
        }
        told
    }
}

/// Returns the outcome of each request, as the clients recorded it.
fn outcomes(record: &Path) -> BTreeMap<u64, String> {
    let text = fs::read_to_string(record).unwrap();
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let requests = events.filter(|event| event["event"] == "request");
    requests
        .map(|event| (event["id"].as_u64().unwrap(), event["outcome"].as_str().unwrap().to_owned()))
        .collect()
}

#[track_caller]
fn compare(
    row: &Row,
    told: &Told,
    seen: &BTreeMap<u64, String>,
    verdict: &Value,
    shown: &dyn Fn() -> String,
) {
    let count = |field: &str| verdict["requests"][field].as_u64().unwrap();
    assert_eq!(
        count("answered"),
        told.answered.len() as u64,
        "answered, by the service's record: {}",
        shown()
    );
    let lost = count("lost") + count("truncated") + count("timed_out");
    // A request that was read and not answered is lost. One that was never read may be lost as well, and then the client
    // records it.
    let unanswered: Vec<u64> = told.received.difference(&told.answered).copied().collect();
    assert!(lost >= unanswered.len() as u64, "{lost} lost, not answered: {unanswered:?}: {}", shown());
    for id in &unanswered {
        assert!(seen.contains_key(id), "request {id} was read, but its client has no record of it");
    }
    for (id, outcome) in seen {
        let reached = !matches!(outcome.as_str(), "refused" | "connect-timeout");
        assert!(
            reached || !told.received.contains(id),
            "request {id} was read, but its outcome is {outcome}"
        );
        if told.answered.contains(id) {
            assert_eq!(outcome, "answered", "request {id}");
        }
    }
    if row.says == Says::Pass {
        assert_eq!(verdict["lost_by_shutdown"], 0, "{}", shown());
    }
}

#[expect(clippy::print_stdout, reason = "the table of verdicts against truth, for --nocapture")]
fn print(row: &Row, told: &Told, verdict: Option<&Value>, output: &Output) {
    let says = match output.status.code() {
        Some(0) => "pass",
        Some(1) => "FAIL",
        Some(3) => "exit 3",
        Some(4) => "inconclusive",
        _ => "?",
    };
    let number = |field: &str| verdict.map_or(0, |verdict| verdict["requests"][field].as_u64().unwrap_or(0));
    let failed: Vec<&str> = verdict
        .and_then(|verdict| verdict["checks"].as_array())
        .into_iter()
        .flatten()
        .filter(|check| check["verdict"] == "fail")
        .filter_map(|check| check["id"].as_str())
        .collect();
    let first = String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned();
    let bad = number("lost") + number("truncated") + number("timed_out");
    println!(
        "{:<24} truth: {:>4} read {:>4} answered | verdict: {:>4} answered {:>3} lost {:>3} wrong {:<12} {}{}",
        row.mode,
        told.received.len(),
        told.answered.len(),
        number("answered"),
        bad,
        number("wrong"),
        says,
        failed.join(", "),
        if verdict.is_none() { first } else { String::new() },
    );
}

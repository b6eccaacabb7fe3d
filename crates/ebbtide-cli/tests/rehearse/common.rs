//! The built command, and services to rehearse.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Returns the built command.
pub(crate) fn ebbtide() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ebbtide"));
    command.stdin(Stdio::null()).env_remove("DATABASE_URL");
    command
}

/// Returns the path of a service in `tests/services`.
pub(crate) fn service(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services").join(name)
}

/// Fails the test when `program` cannot be run. `cargo xtask test` installs it.
#[track_caller]
pub(crate) fn need(program: &str) {
    let found = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found, "`{program}` is missing: run `cargo xtask test`, which installs the tools of the tests");
}

/// A small load: requests are in flight at the signal, and a slow service on a busy machine can answer them.
pub(crate) const SMALL: [&str; 6] =
    ["--storm=8", "--keepalive=20", "--open=20", "--warmup=600ms", "--window=200ms", "--seed=7"];

/// Returns the verdict that the command printed as JSON.
#[track_caller]
pub(crate) fn verdict(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|_| {
        panic!("no JSON: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    })
}

/// Returns the verdict and the evidence of check `id`.
#[track_caller]
pub(crate) fn check(verdict: &Value, id: &str) -> (String, String) {
    let check = find(verdict, id);
    (check["verdict"].as_str().unwrap().to_owned(), check["evidence"].as_str().unwrap().to_owned())
}

/// Returns the hint of check `id`, or an empty string if it has none.
#[track_caller]
pub(crate) fn hint(verdict: &Value, id: &str) -> String {
    find(verdict, id)["hint"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn find<'a>(verdict: &'a Value, id: &str) -> &'a Value {
    let checks = verdict["checks"].as_array().unwrap();
    checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no check {id}"))
}

/// Returns the verdict that `output` printed, and the requests of its `record` by their number. Asserts that the record has everything that
/// the verdict is made of: judged again, it has the same one.
#[track_caller]
pub(crate) fn judged(output: &Output, record: &Path) -> (Value, BTreeMap<u64, Value>) {
    let events = fs::read_to_string(record).unwrap_or_else(|error| {
        panic!("no record: {error}: {}", String::from_utf8_lossy(&output.stderr));
    });
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let requests = events.filter(|event| event["event"] == "request");
    let requests = requests.map(|event| (event["id"].as_u64().unwrap(), event)).collect();
    let again = ebbtide().args(["replay", "--format=json"]).arg(record).output().unwrap();
    let seen = verdict(output);
    assert_eq!(again.status.code(), output.status.code());
    assert_eq!(verdict(&again)["checks"], seen["checks"]);
    (seen, requests)
}

/// Returns the numbers of each mark in the record of a service, each of which came once.
#[track_caller]
pub(crate) fn marks(truth: &Path) -> BTreeMap<String, BTreeSet<u64>> {
    let mut told = BTreeMap::<String, BTreeSet<u64>>::new();
    for line in fs::read_to_string(truth).unwrap_or_default().lines() {
        let (mark, number) = line.split_once(' ').unwrap();
        let is_new = told.entry(mark.to_owned()).or_default().insert(number.parse().unwrap());
        assert!(is_new, "{number} came twice");
    }
    told
}

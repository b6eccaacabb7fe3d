//! The built command, and services to rehearse.

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

//! Rehearsals over a Unix socket: the verdict agrees with the record of the service, and what cannot be rehearsed is named.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::{SMALL, check, ebbtide, need, service, verdict};
use crate::scene::{Row, holds};

#[test]
fn a_graceful_service_on_a_unix_socket_loses_nothing_in_any_phase() {
    for row in [
        Row::innocent("perfect", &["--url=keepalive=POST:/", "--require-readiness"]),
        Row::innocent("perfect", &["--fitted", "--slow=0"]),
        Row::innocent("perfect", &["--require-readiness", "--host=127.0.0.1", "--warmup=1500ms"]).over_tls(),
    ] {
        let seen = holds(&row.over_unix());
        let evidence = seen.evidence("phases-served");
        assert!(evidence.contains(" held at the signal, none lost"), "{evidence}");
        assert!(seen.evidence("refusals-clean").contains("none accepted after it"), "{evidence}");
        let routes = &seen.verdict.as_ref().unwrap()["runs"][0]["routes"];
        assert!(routes[0]["address"].as_str().unwrap().starts_with("unix:/"), "{routes}");
    }
}

#[test]
fn each_request_that_is_lost_on_a_unix_socket_is_found() {
    for (mode, evidence) in [
        ("unanswered", "no response byte"),
        ("reset", "no response byte"),
        ("half-head", "response truncated in its head"),
        ("half-body", "response truncated in its body"),
        ("exits-at-once", "when the process ended"),
        // Its accept queue.
        ("closes-at-once", "new connection"),
    ] {
        holds(&Row::guilty(mode, &[("requests-answered", evidence)]).over_unix());
    }
}

#[test]
fn a_service_that_turns_clients_away_on_a_unix_socket_is_found() {
    holds(
        &Row::guilty("accepts-and-closes", &[("refusals-clean", "closed with no response byte")]).over_unix(),
    );
    holds(&Row::guilty("refuses-503", &[("requests-answered", "status 503")]).over_unix());
    holds(
        &Row::guilty("stays-green", &[("readiness-before-close", "never seen red")])
            .with(&["--require-readiness"])
            .over_unix(),
    );
}

/// Calls `ebbtide rehearse` in `folder`.
fn rehearse(folder: &Path, words: &[&str]) -> Output {
    need("python3");
    let mut command = ebbtide();
    command.current_dir(folder).env("TRUTH", folder.join("truth")).arg("rehearse").args(words);
    command.args(["--", "python3"]).arg(service("truth.py")).args(["app.sock", "perfect"]).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn without_ready_a_unix_socket_is_found_where_there_is_no_port() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".git")).unwrap();
    // Bound to a relative path.
    let path = folder.path().canonicalize().unwrap().join("app.sock");
    let output = rehearse(folder.path(), &[&["--format=json"], &SMALL[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let found = format!("note: found --ready http://unix:{}:/readyz\n", path.display());
    assert!(said(&output).starts_with(&found), "{}", said(&output));
    // Its readiness path is found as well, not the socket alone.
    let evidence = check(&verdict(&output), "readiness-before-close").1;
    assert!(!evidence.contains("readiness is a port"), "{evidence}");
    let output = rehearse(folder.path(), &["--init"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = fs::read_to_string(folder.path().join("ebbtide.toml")).unwrap();
    for line in [
        format!("# The service listens on unix:{}.", path.display()),
        format!("ready = \"http://unix:{}:/readyz\"", path.display()),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
}

#[test]
fn a_unix_socket_may_be_ready_by_accepting() {
    let folder = tempfile::tempdir().unwrap();
    let words =
        ["--format=json", "--ready=unix:app.sock", "--url=storm=/", "--url=keepalive=/", "--url=open=/"];
    let output = rehearse(folder.path(), &[&words, &SMALL[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(check(&verdict(&output), "readiness-before-close").0, "skipped");
}

#[test]
fn what_cannot_be_rehearsed_on_a_unix_socket_is_named_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let says = |ready: &str, code: i32, words: &[&str]| {
        // Where the service listens shows only when it has started.
        let limit = if words.iter().any(|word| word.contains("listens on unix")) { "8s" } else { "1s" };
        let limit = format!("--ready-timeout={limit}");
        let output = rehearse(folder.path(), &[&limit, &format!("--ready={ready}")]);
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        for word in words {
            assert!(said(&output).contains(word), "{word}: {}", said(&output));
        }
        let _left = fs::remove_file(folder.path().join("app.sock"));
    };
    let hint = "hint: check that --ready is the address on which the service listens";
    says(
        "http://unix:other.sock:/readyz",
        3,
        &["there is no such Unix socket; the service listens on unix:/", hint],
    );
    says("unix:other.sock", 3, &["there is no such Unix socket", hint]);
    drop(UnixListener::bind(folder.path().join("closed.sock")).unwrap());
    let stale = "hint: an earlier process may have left the file: it has to be removed before the service binds the socket";
    says("http://unix:closed.sock:/", 3, &["no process listens on the Unix socket, which exists", stale]);
    let long = format!("http://unix:/{}:/", "x".repeat(107));
    says(&long, 2, &["invalid Unix socket `http://unix:/xxx", "at most 107 bytes"]);
    says("http://unix::/", 2, &["invalid Unix socket `http://unix::/`"]);
    let listener = UnixListener::bind(folder.path().join("app.sock")).unwrap();
    says("http://unix:app.sock:/", 3, &["cannot use unix:app.sock: another process already listens there"]);
    drop(listener);
}

#[test]
fn a_unix_socket_without_permission_is_named() {
    // Root may connect to every socket: the rehearsal runs as another user.
    let runs_as_nobody =
        || Command::new("setpriv").args(["--reuid=65534", "--clear-groups", "true"]).status();
    assert!(runs_as_nobody().is_ok_and(|status| status.success()), "`setpriv` of util-linux needs root");
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let path = folder.path().join("a.sock");
    let listener = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--clear-groups"])
        .arg(env!("CARGO_BIN_EXE_ebbtide"))
        .args(["rehearse", "--ready-timeout=300ms"])
        .arg(format!("--ready=http://unix:{}:/", path.display()))
        .args(["--", "sleep", "30"])
        .current_dir("/")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let words = said(&output);
    assert!(
        words.contains("permission to connect to the Unix socket denied")
            && words.contains("hint: this user needs"),
        "{words}"
    );
    drop(listener);
}

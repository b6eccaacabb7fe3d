//! `ebbtide rehearse --init` of a gRPC service: its methods are in the file, which a rehearsal uses as it is.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use ebbtide_tests::{ebbtide_program, free_port, service_program};
use serde_json::Value;

/// A folder that is the root of a repository: no file above it counts.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join(".git")).expect("a folder");
    folder
}

fn rehearse(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(ebbtide_program());
    command.current_dir(folder).env("EBBTIDE_LAME_DUCK", "300ms").env("EBBTIDE_GRACE", "10s");
    command.arg("rehearse").args(words).output().expect("started")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Writes the file for the service `kinds` with this version of reflection. Returns what was said, and its lines.
fn init(folder: &Path, version: &str) -> (String, Vec<String>) {
    let service = service_program();
    let at = format!("127.0.0.1:{}", free_port());
    let service = service.to_str().expect("UTF-8");
    let output = rehearse(folder, &["--init", "--", service, "kinds", "ebbtide", &at, version]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = fs::read_to_string(folder.join("ebbtide.toml")).expect("written");
    (said(&output), text.lines().map(str::to_owned).collect())
}

#[test]
fn the_methods_that_a_service_describes_are_the_load_of_its_file() {
    for version in ["v1", "v1alpha"] {
        let folder = repository();
        let (said_at_init, lines) = init(folder.path(), version);
        let mut routes: Vec<&str> =
            lines.iter().map(String::as_str).filter(|line| line.starts_with("url.")).collect();
        routes.sort_unstable();
        let expected = [
            "url.bidi-stream = \"GRPC:/kinds.Kinds/Echo\"",
            "url.client-stream = \"GRPC:/kinds.Kinds/Sum\"",
            "url.events = \"GRPC:/kinds.Kinds/Count\"",
            "url.keepalive = \"GRPC:/kinds.Kinds/Double\"",
            "url.open = \"GRPC:/kinds.Kinds/Double\"",
            "url.storm = \"GRPC:/kinds.Kinds/Double\"",
        ];
        assert_eq!(routes, expected, "{lines:#?}");
        assert!(!lines.iter().any(|line| line.contains("grpc.")), "gRPC's own services: {lines:#?}");
        assert_eq!(said_at_init, "note: ebbtide.toml is written; `ebbtide rehearse` uses it\n");
        let output = rehearse(folder.path(), &["--format=json"]);
        let verdict: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        assert_eq!(output.status.code(), Some(0), "{}{verdict:#}", said(&output));
        for shape in ["events", "client-stream", "bidi-stream"] {
            assert!(verdict["in_flight_at_signal"][shape].as_u64() > Some(0), "{shape}: {verdict:#}");
        }
        let checks = verdict["checks"].as_array().expect("checks");
        let served = checks.iter().find(|check| check["id"] == "routes-served").expect("the check");
        let evidence = served["evidence"].as_str().unwrap_or_default();
        assert!(served["verdict"] == "pass" && evidence.starts_with("4 routes answered"), "{evidence}");
    }
}

/// The opposite: the same service without reflection.
#[test]
fn a_service_that_does_not_describe_itself_gets_a_file_that_says_what_is_missing() {
    let folder = repository();
    let (said_at_init, lines) = init(folder.path(), "none");
    let has = |line: &str| lines.iter().any(|found| found == line);
    assert!(has("# protoset = \"FILE\""), "{lines:#?}");
    assert!(has("# url.keepalive = \"GRPC:/PACKAGE.SERVICE/METHOD\""), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("It has no server reflection")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.starts_with("url.") || line.contains("/PING")), "{lines:#?}");
    assert!(said_at_init.contains("note: no route for the load was found"), "{said_at_init}");
    let output = rehearse(folder.path(), &["--format=json"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
}

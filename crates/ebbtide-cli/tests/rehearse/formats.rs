//! Every format of one rehearsal, and what `ebbtide replay` makes of its record.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::common::{SMALL, ebbtide, need, service};
use crate::ports::free_port;

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn replay(arguments: &[&str], input: &str) -> Output {
    let mut command = ebbtide();
    command.arg("replay").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A refused record is not read to its end.
    let _refused = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// The service ends at the signal with requests in flight: the verdict is `fail`, by several checks.
#[test]
fn every_format_is_written_and_a_replay_has_the_verdict_of_the_rehearsal() {
    need("python3");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let port = free_port();
    let mut command = ebbtide();
    command.args(["rehearse", "--quiet", "--grace=6s", "--repeat=2"]).args(SMALL);
    command.arg(format!("--ready=http://127.0.0.1:{port}/"));
    command.arg("--format=github").arg(format!("--record={}", at("record").display()));
    for format in ["text", "json", "junit", "markdown", "html"] {
        command.arg(format!("--format={format}={}", at(format).display()));
    }
    command.env("GITHUB_STEP_SUMMARY", at("summary"));
    command.arg("--").arg("python3").arg(service("naive.py")).arg(port.to_string());
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}{}", String::from_utf8_lossy(&output.stderr));

    let text = read(&at("text"));
    assert!(told.starts_with(&text), "text precedes the commands");
    let commands: Vec<&str> = told.lines().filter(|line| line.starts_with("::")).collect();
    let json: Value = serde_json::from_str(&read(&at("json"))).unwrap();
    let failed = json["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] == "fail").count();
    assert!(failed > 0 && commands.len() == failed + 1, "{commands:?}");
    assert!(commands.iter().all(|line| line.starts_with("::error title=ebbtide ")), "{commands:?}");
    assert_eq!(read(&at("summary")), read(&at("markdown")));
    assert!(read(&at("junit")).contains(&format!("failures=\"{failed}\"")));

    let record = read(&at("record"));
    for format in ["text", "json", "junit", "markdown", "html"] {
        let replayed = replay(&["-", "--format", format], &record);
        assert_eq!(replayed.status.code(), Some(1));
        assert_eq!(String::from_utf8_lossy(&replayed.stdout), read(&at(format)), "{format}");
        assert_eq!(String::from_utf8_lossy(&replayed.stderr), "", "{format}");
    }
}

#[test]
fn a_record_that_is_not_complete_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.ndjson");
    let name = file.display().to_string();
    let header = r#"{"event":"record","version":1,"program":"ebbtide 0","command":"x","seed":1,"repeat":1,"strict":false}"#;
    for (content, message) in [
        (String::new(), ":1: the record is empty"),
        (header.to_owned() + "\n", ":2: the record ends before its verdict"),
        (header[..40].to_owned(), ":1: not a record of a rehearsal"),
        (header.to_owned() + "\n{\"event\":\"en", ":2: the record ends before its verdict"),
        (header.to_owned() + "\n{\"event\":7}\n", ":2:10: invalid line: invalid type"),
        (
            header.replace(":1,\"program", ":2,\"program"),
            ":1: unsupported version 2 of the record: this build reads 1",
        ),
    ] {
        fs::write(&file, &content).unwrap();
        let output = replay(&[&name], "");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{content}: {said}");
        assert!(said.starts_with(&format!("error: {name}{message}")), "{content}: {said}");
        assert!(said.contains("\nhint: "), "no remedy: {said}");
        assert!(output.stdout.is_empty(), "messages belong on stderr");
    }
    let missing = replay(&["/no/such/file"], "");
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).starts_with("error: cannot read /no/such/file: "));
}

#[test]
fn an_output_that_cannot_be_written_is_named_and_hides_no_verdict() {
    need("python3");
    let folder = tempfile::tempdir().unwrap();
    let rehearse = |name: &str, options: &[&str]| {
        let (port, json) = (free_port(), folder.path().join("json"));
        let mut command = ebbtide();
        command.args(["rehearse", "--quiet", "--signal-at=idle", "--seed=7"]).args(options);
        command.arg(format!("--ready=http://127.0.0.1:{port}/readyz"));
        command.arg(format!("--format=json={}", json.display()));
        command.arg("--").arg("python3").arg(service(name)).arg(port.to_string());
        let output = command.output().unwrap();
        let verdict: Value = serde_json::from_str(&read(&json)).unwrap();
        fs::remove_file(json).unwrap();
        let [told, words] =
            [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        (output.status.code(), verdict["verdict"].clone(), told, words)
    };
    for (options, named) in [
        (["--record=/dev/full", "--format=text"], "cannot write /dev/full (--record): "),
        (["--format=junit=/dev/full", "--format=text"], "cannot write /dev/full: "),
    ] {
        let (code, verdict, told, words) = rehearse("careful.py", &options);
        assert_eq!((code, &verdict), (Some(3), &"pass".into()), "{words}");
        assert!(told.contains("PASS") && words.contains(named), "{told}{words}");
        // A failure is one all the same.
        let (code, verdict, told, words) = rehearse("naive.py", &[options[0], "--expect-exit=7"]);
        assert_eq!((code, &verdict), (Some(1), &"fail".into()), "{words}");
        assert!(told.contains("FAIL") && words.contains(named), "{told}{words}");
    }
    let (code, ..) = rehearse("careful.py", &["--record=/dev/null"]);
    assert_eq!(code, Some(0));
}

#[test]
fn each_output_is_tried_before_anything_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let started = folder.path().join("started");
    let touch = format!("touch {}", started.display());
    let ends = |options: &[&str], at: &Path, named: &str| {
        let output = ebbtide()
            .args(["rehearse", "--quiet"])
            .args(options)
            .args(["--", "touch"])
            .arg(&started)
            .current_dir(at)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        let code = if named.is_empty() { 3 } else { 2 };
        assert_eq!(output.status.code(), Some(code), "{options:?}: {words}");
        assert!(words.contains(named), "{options:?}: {words}");
        started.exists()
    };
    let record = ("--record=/no/such/file", "error: cannot write /no/such/file (--record): ");
    let junit = ("--format=junit=/no/such/file", "error: cannot write /no/such/file: ");
    let compare = format!("--compare={touch}");
    for (output, named) in [record, junit] {
        for more in [&[][..], &["--ready=1"], &["--ready=1", "--signal-at=idle"]] {
            assert!(!ends(&[&[output][..], more].concat(), folder.path(), named), "{output} {more:?}");
        }
    }
    assert!(!ends(&[junit.0, &compare], folder.path(), junit.1));
    // No file can be made in this folder.
    assert!(!ends(&["--init"], Path::new("/proc"), "error: cannot write ebbtide.toml: "));
    // The opposite: the same service is started where the outputs can be written.
    assert!(ends(&["--record=/dev/null"], folder.path(), ""));
}

#[test]
fn an_output_is_tried_before_a_service_that_runs_is_looked_at() {
    let mut service = Command::new("sleep").arg("60").spawn().unwrap();
    let attach = format!("--attach={}", service.id());
    let output = ebbtide().args(["rehearse", "--quiet", "--record=/no/such/file", &attach]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    let is_there = service.try_wait().unwrap().is_none();
    service.kill().unwrap();
    service.wait().unwrap();
    assert_eq!((output.status.code(), is_there), (Some(2), true), "{words}");
    assert!(words.starts_with("error: cannot write /no/such/file (--record): "), "{words}");
}

#[test]
fn the_summary_of_a_step_is_tried_before_the_first_run() {
    let output = ebbtide()
        .args(["rehearse", "--format=github", "--ready=1", "--", "/no/such/program"])
        .env("GITHUB_STEP_SUMMARY", "/no/such/folder/summary")
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("cannot write /no/such/folder/summary ($GITHUB_STEP_SUMMARY): "), "{words}");
}

#[test]
fn a_rehearsal_without_a_verdict_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let earlier = folder.path().join("earlier.json");
    fs::write(&earlier, "{}").unwrap();
    let output = ebbtide()
        .args(["rehearse", "--quiet", "--ready=1", "--repeat=2"])
        .args(
            ["json", "html", "junit"]
                .map(|name| format!("--format={name}={}", folder.path().join(name).display())),
        )
        .arg(format!("--format=json={}", earlier.display()))
        .arg(format!("--record={}", folder.path().join("record").display()))
        .args(["--", "/no/such/program"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!((left, read(&earlier).as_str()), (vec![earlier], "{}"));
}

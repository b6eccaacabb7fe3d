//! `ebbtide.toml`: written by `--init`, read by a rehearsal; and a rehearsal without `--ready`.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::common::{SMALL, check, ebbtide, hint, need, service, verdict};
use crate::ports::free_port;

/// Calls `ebbtide rehearse` in `folder`.
fn rehearse(folder: &Path, words: &[&str]) -> Output {
    ebbtide().current_dir(folder).arg("rehearse").args(words).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder that is the root of a repository: no file above it counts.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".git")).unwrap();
    folder
}

/// Requests that `careful.py` reads: it knows no bodies.
const GETS: [&str; 3] = ["--url=storm=/", "--url=keepalive=/", "--url=open=/"];

#[test]
fn init_writes_what_it_found_and_a_rehearsal_uses_it() {
    need("python3");
    let folder = repository();
    let (port, script) = (free_port(), service("careful.py").display().to_string());
    let port = port.to_string();
    let init = ["--init", "--", "python3", &script, &port];
    let output = rehearse(folder.path(), &init);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(
        (said(&output).as_str(), output.stdout.len()),
        ("note: ebbtide.toml is written; `ebbtide rehearse` uses it\n", 0)
    );
    let file = folder.path().join("ebbtide.toml");
    let text = fs::read_to_string(&file).unwrap();
    for line in [
        format!("command = [\"python3\", \"{script}\", \"{port}\"]"),
        format!("# The service listens on 127.0.0.1:{port}."),
        format!("ready = \"http://127.0.0.1:{port}/readyz\""),
        "url.storm = \"/\"".to_owned(),
        "signal = \"TERM\"".to_owned(),
        "grace = \"30s\"".to_owned(),
        "expect-exit = [\"0\"]".to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    // It answers any path, also one that does not exist.
    assert!(!text.contains("liveness"), "{text}");
    // It is never changed.
    let again = rehearse(folder.path(), &init);
    assert_eq!(again.status.code(), Some(2));
    assert!(said(&again).starts_with("error: ebbtide.toml exists already\nhint: "), "{}", said(&again));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    // From a folder below it as well.
    let below = folder.path().join("a/b");
    fs::create_dir_all(&below).unwrap();
    let words: Vec<&str> = ["--format=json", "--grace=20s"].into_iter().chain(SMALL).chain(GETS).collect();
    for from in [folder.path(), &below] {
        let output = rehearse(from, &words);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert!(said(&output).starts_with("note: settings of "), "{}", said(&output));
        let verdict = verdict(&output);
        assert!(
            check(&verdict, "exit-in-time").1.contains("grace period 20 s"),
            "an option replaces the key"
        );
        assert!(check(&verdict, "readiness-before-close").0 == "pass", "{verdict:#}");
    }
}

/// Apart from readiness and liveness it has no health paths.
const HEALTH: &str = "
import http.server, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path in sys.argv[2:] else 404)
        self.send_header('Content-Length', '0')
        self.end_headers()
    def log_message(self, *_):
        pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
";

#[test]
fn init_writes_the_liveness_path_that_it_found_beside_readiness() {
    need("python3");
    let text = |options: &[&str], paths: &[&str]| {
        let (folder, port) = (repository(), free_port().to_string());
        let words = [options, &["--init", "--", "python3", "-c", HEALTH, &port, "/"], paths].concat();
        let output = rehearse(folder.path(), &words);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        fs::read_to_string(folder.path().join("ebbtide.toml")).unwrap()
    };
    let found = text(&[], &["/readyz", "/healthz"]);
    assert!(found.lines().any(|line| line == "liveness = \"/healthz\""), "{found}");
    // A path that may be that of readiness as well.
    assert!(!text(&[], &["/healthz", "/livez"]).contains("liveness"));
    let given = text(&["--liveness=/alive"], &["/readyz", "/livez"]);
    assert_eq!(given.matches("\nliveness = ").count(), 1, "{given}");
    assert!(given.contains("\nliveness = \"/alive\"\n"), "{given}");
}

#[test]
fn what_the_file_names_counts_from_its_folder() {
    need("python3");
    let folder = repository();
    let port = free_port();
    fs::copy(service("careful.py"), folder.path().join("app.py")).unwrap();
    let text = format!(
        "[rehearse]\ncommand = \"python3 app.py {port}\"\nready = \"http://127.0.0.1:{port}/readyz\"\n\
         pre-stop = \"python3 -c 'open(\\\"app.py\\\")'\"\nrecord = \"out/record\"\nformat = [\"json=out/json\"]\n"
    );
    fs::write(folder.path().join("ebbtide.toml"), text).unwrap();
    let below = folder.path().join("a/b");
    for folder in [&below, &folder.path().join("out")] {
        fs::create_dir_all(folder).unwrap();
    }
    let output = rehearse(&below, &[&SMALL[..], &GETS].concat());
    assert_eq!(output.status.code(), Some(0), "{}{}", said(&output), String::from_utf8_lossy(&output.stdout));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("preStop failed"));
    for name in ["record", "json"] {
        assert!(folder.path().join("out").join(name).is_file(), "{name}");
    }
    // On the command line the same words count from the current folder.
    let port = port.to_string();
    let output = rehearse(&below, &[&SMALL[..], &GETS, &["--", "python3", "app.py", &port]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
}

/// A service of lines, which reads whatever comes and answers no HTTP.
#[test]
fn a_service_without_http_is_found_and_the_route_that_it_needs_is_named() {
    need("python3");
    let folder = repository();
    let port = free_port().to_string();
    let script = service("truth_lines.py").display().to_string();
    let command = ["--", "python3", &script, &port, "ignores-others", "0"];
    let call = |words: &[&str]| {
        let words = [words, &command].concat();
        let truth = folder.path().join("truth");
        ebbtide().current_dir(folder.path()).env("TRUTH", truth).arg("rehearse").args(words).output().unwrap()
    };
    let ready = format!("--ready={port}");
    let output = call(&[&ready]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let hint = "\nhint: of a service without HTTP give the port and a route: --ready PORT --url tcp=/LINE";
    assert!(said(&output).contains(hint), "{}", said(&output));
    // Its port is found, and what `--init` writes says what is missing.
    let output = call(&["--init", "--ready-timeout=15s"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("note: no route for the load was found: add one"), "{}", said(&output));
    let text = fs::read_to_string(folder.path().join("ebbtide.toml")).unwrap();
    for line in [format!("ready = \"127.0.0.1:{port}\""), "# url.tcp = \"/PING {id}\"".to_owned()] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert!(text.contains("# url.keepalive = \"GRPC:/PACKAGE.SERVICE/METHOD\""), "{text}");
}

/// Options that cannot mean anything together end the rehearsal before the service starts; those of the file with their line.
#[test]
fn a_contradiction_is_named_with_the_line_of_its_key() {
    let folder = repository();
    let service = ["--ready=http://127.0.0.1:1/", "--", "/no/such/program"];
    let output = rehearse(folder.path(), &[&["--min-lame-duck=40s"][..], &service].concat());
    assert_eq!(output.status.code(), Some(2));
    let why = "--min-lame-duck 40 s is longer than the grace period of 30 s, at whose end the process gets SIGKILL\nhint: give a longer --grace";
    assert!(said(&output).starts_with(&format!("error: {why}")), "{}", said(&output));
    let file = folder.path().join("ebbtide.toml");
    fs::write(&file, "[rehearse]\nstorm = 4\n  min-lame-duck = 40\n").unwrap();
    let output = rehearse(folder.path(), &service);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).ends_with(&format!("{why}, or a shorter --min-lame-duck\n")), "{}", said(&output));
    assert!(said(&output).contains("error: ebbtide.toml:3:3: --min-lame-duck"), "{}", said(&output));
    // A key of the load is for other calls.
    fs::write(&file, "[rehearse]\nstorm = 4\n").unwrap();
    let output = rehearse(folder.path(), &[&["--signal-at=idle"][..], &service].concat());
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    fs::write(&file, "[rehearse]\nstorm = 4\nsignal-at = \"idle\"\n").unwrap();
    let output = rehearse(folder.path(), &service);
    assert!(said(&output).contains("error: ebbtide.toml:2:1: --storm has no effect"), "{}", said(&output));
    // A port that is none, at once; and two outputs to one file.
    fs::remove_file(&file).unwrap();
    let output = rehearse(folder.path(), &["--ready=http://127.0.0.1:99999/", "--", "/no/such/program"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("expected a port from 1 to 65535"), "{}", said(&output));
    let output = rehearse(folder.path(), &[&["--record=x", "--format=json=./x"][..], &service].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).starts_with("error: --record and --format json both write x\nhint: "),
        "{}",
        said(&output)
    );
    let output = rehearse(folder.path(), &[&["--format=html=no/such/x.html"][..], &service].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("\nhint: the folder of the file has to exist"), "{}", said(&output));
}

#[test]
fn without_ready_the_listener_is_found() {
    need("python3");
    let folder = repository();
    let (port, script) = (free_port().to_string(), service("careful.py").display().to_string());
    let words: Vec<&str> = ["--format=json"].into_iter().chain(SMALL).chain(GETS).collect();
    let output = rehearse(folder.path(), &[&words[..], &["--", "python3", &script, &port]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let found = format!("note: found --ready http://127.0.0.1:{port}/readyz\n");
    assert!(said(&output).starts_with(&found), "{}", said(&output));
    assert_eq!(check(&verdict(&output), "readiness-before-close").0, "pass");
    // One that never listens is not rehearsed, and nothing is left of it.
    let silent = rehearse(folder.path(), &["--ready-timeout=300ms", "--", "sleep", "31.4159"]);
    assert_eq!(silent.status.code(), Some(3));
    assert!(said(&silent).contains("the service was not ready within 300 ms"), "{}", said(&silent));
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    assert!(lines.into_iter().all(|line| line != b"sleep\x0031.4159\0"));
    let ends = rehearse(folder.path(), &["--init", "--", "sh", "-c", "echo cannot bind; exit 7"]);
    assert_eq!(ends.status.code(), Some(3));
    assert!(said(&ends).contains("ended before it listened (exit code 7)"), "{}", said(&ends));
    assert!(said(&ends).contains("cannot bind") && !folder.path().join("ebbtide.toml").exists());
}

#[test]
fn a_wrong_file_ends_the_command_before_the_service_starts() {
    let folder = repository();
    let started = folder.path().join("started");
    let command = format!("touch {}", started.display());
    fs::write(folder.path().join("ebbtide.toml"), "[rehearse]\nready = \"80\"\nstrom = 3\n").unwrap();
    let output = rehearse(folder.path(), &["--", "sh", "-c", &command]);
    assert_eq!(output.status.code(), Some(2));
    let expected = "error: ebbtide.toml:3:1: unknown key `strom`\nhint: similar: `storm`\n";
    assert_eq!(said(&output), expected);
    assert!(!started.exists());
    // `check` reads its own section alone, and --demo none.
    fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    let check = ebbtide().current_dir(folder.path()).args(["check", "."]).output().unwrap();
    assert_eq!(check.status.code(), Some(0), "{}", said(&check));
    let demo = rehearse(
        folder.path(),
        &["--demo", "--no-phases", "--storm=1", "--keepalive=1", "--slow=0", "--open=0", "--orders=0"],
    );
    assert_ne!(demo.status.code(), Some(2), "{}", said(&demo));
}

#[test]
fn without_a_command_the_error_says_where_one_goes() {
    let folder = repository();
    let output = rehearse(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).starts_with("error: no command of a service\nhint: write it after `--`"),
        "{}",
        said(&output)
    );
}

/// Node is recognised, and each failed check has its cause and its remedy.
#[test]
fn a_failed_check_names_the_likely_cause_for_the_recognised_server() {
    need("node");
    let folder = repository();
    let (port, script) = (free_port().to_string(), service("close.js").display().to_string());
    // A request in flight takes longer than the grace period.
    let words = [
        "--format=json",
        "--grace=2s",
        "--storm=0",
        "--keepalive=0",
        "--open=0",
        "--no-phases",
        "--slow=2",
        "--slow-time=9s",
        "--url=slow=/slow/{ms}",
        "--warmup=400ms",
        "--seed=7",
    ];
    let words = [&words[..], &["--", "node", &script, &port]].concat();
    let output = rehearse(folder.path(), &words);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let verdict = verdict(&output);
    assert_eq!(check(&verdict, "exit-in-time").0, "fail", "{verdict:#}");
    let checks = verdict["checks"].as_array().unwrap();
    let late = checks.iter().find(|check| check["id"] == "exit-in-time").unwrap();
    assert_eq!(
        late["cause"],
        "Node: `server.close()` waits for connections in use, without a limit (the process that listens is `node`)"
    );
    assert!(hint(&verdict, "exit-in-time").contains("`server.closeAllConnections()`"), "{verdict:#}");
    assert!(
        checks.iter().filter(|check| check["verdict"] == "pass").all(|check| check.get("cause").is_none())
    );
}

/// `check` has the stop signals of official images. Both name the same.
#[test]
fn both_commands_name_the_same_stop_signals() {
    let folder = repository();
    let signals = ebbtide_rehearse::samples::graceful_signals();
    assert_eq!(signals.len(), 4);
    for (server, signal) in signals {
        let image = match server {
            "PHP-FPM" => "php:8.4-fpm",
            "Apache" => "httpd",
            "HAProxy" => "haproxy",
            other => other,
        };
        fs::write(folder.path().join("Dockerfile"), format!("FROM {image}\nSTOPSIGNAL SIGTERM\n")).unwrap();
        let output = ebbtide().current_dir(folder.path()).args(["check", "Dockerfile"]).output().unwrap();
        let found = String::from_utf8_lossy(&output.stdout);
        assert!(found.contains(&signal), "{server}: {found}");
    }
}
